// Asks for news as soon as it is there, and then regularly, but never while nobody looks.
export default {
  template: `<span hidden></span>`,
  props: { seconds: Number },
  mounted() {
    this.beat = () => document.hidden || this.$emit("pulse");
    this.timer = setInterval(this.beat, this.seconds * 1000);
    document.addEventListener("visibilitychange", this.beat);
    this.beat();
  },
  unmounted() {
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.beat);
  },
};

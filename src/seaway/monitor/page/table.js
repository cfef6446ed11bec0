// A table of plain text, links, small lines and buttons. Names come from elsewhere: everything is a text node or an
// attribute that Vue sets, and a link leads nowhere but into this site. Rows keep their elements when values change, so
// that a refresh takes neither focus nor selection away.
export default {
  template: `
    <div class="sw-table-frame" role="group" :aria-label="caption" :tabindex="scrolls ? 0 : null">
      <table class="sw-table">
        <caption :class="{'sw-hidden': captionHidden}">{{ caption }}</caption>
        <thead><tr>
          <th v-for="column in columns" :key="column.key" scope="col" :class="column.kind">{{ column.text }}</th>
        </tr></thead>
        <tbody>
          <tr v-for="row in rows" :key="row.key" :class="row.tone">
            <component :is="index === 0 ? 'th' : 'td'" :scope="index === 0 ? 'row' : null"
                v-for="(column, index) in columns" :key="column.key" :class="[column.kind, cell(row, column).tone]"
                :data-label="column.text" :title="cell(row, column).title || null">
              <svg v-if="cell(row, column).spark" class="sw-spark" viewBox="0 0 100 24" preserveAspectRatio="none"
                  aria-hidden="true" focusable="false">
                <path class="area" :d="path(cell(row, column).spark, true)" />
                <path class="line" :d="path(cell(row, column).spark, false)" />
              </svg>
              <span v-if="cell(row, column).spoken" class="sw-hidden">{{ cell(row, column).spoken }}</span>
              <a v-if="local(cell(row, column).href)" :href="prefixed(cell(row, column).href)"
                ><bdi>{{ cell(row, column).text }}</bdi></a>
              <bdi v-else-if="cell(row, column).text">{{ cell(row, column).text }}</bdi>
              <span v-if="cell(row, column).note" class="sw-note"><bdi>{{ cell(row, column).note }}</bdi></span>
              <button v-for="action in cell(row, column).actions || []" :key="action.id" type="button" class="sw-button"
                :aria-label="action.label" @click="$emit('act', {row: row.key, id: action.id})"
                >{{ action.text }}</button>
            </component>
          </tr>
          <tr v-if="rows.length === 0"><td class="sw-empty" :colspan="columns.length">{{ empty }}</td></tr>
        </tbody>
      </table>
    </div>`,
  props: {
    caption: String,
    captionHidden: Boolean,
    columns: Array,
    rows: Array,
    empty: String,
  },
  data: () => ({ scrolls: false }),
  mounted() {
    // What can be moved sideways must be reached by keyboard; what cannot would only be a stop on the way.
    this.observer = new ResizeObserver(() => (this.scrolls = this.$el.scrollWidth > this.$el.clientWidth));
    this.observer.observe(this.$el);
  },
  unmounted() {
    this.observer.disconnect();
  },
  methods: {
    cell(row, column) {
      const found = row.cells[column.key];
      return found !== null && typeof found === "object" ? found : { text: found ?? "—" };
    },
    local(href) {
      return typeof href === "string" && /^\/(?![\/\\])/.test(href);
    },
    prefixed(href) {
      return (window.path_prefix ?? "") + href;
    },
    path(values, closed) {
      const known = values.filter((value) => value !== null);
      if (known.length === 0) return "";
      const top = Math.max(...known) || 1;
      const x = (index) => (values.length < 2 ? 0 : (100 * index) / (values.length - 1)).toFixed(1);
      let path = "";
      let begin = null;
      values.forEach((value, index) => {
        if (value === null) {
          if (closed && begin !== null) path += `L${x(index - 1)},24Z`;
          begin = null;
          return;
        }
        const y = (22.5 - (21 * value) / top).toFixed(1);
        if (begin === null) {
          path += closed ? `M${x(index)},24L${x(index)},${y}` : `M${x(index)},${y}`;
          begin = index;
        } else {
          path += `L${x(index)},${y}`;
        }
      });
      return closed && begin !== null ? `${path}L100,24Z` : path;
    },
  },
};

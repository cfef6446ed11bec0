"""A live view of models and servers in a terminal, like `top`.

view       what is shown, as one plain value, and its order
figures    what a store says at a moment, as that value: reads `looks`, adds up in `sums`, compares `peers`
screen     that value as lines of text, for any width and height
keys       single keys from a terminal, whose state is put back
watch      looks at servers again and again
show       puts it together: once, as JSON lines, or live
"""

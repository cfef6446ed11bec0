"""A report on one model over a time, to be kept, printed and sent: figures from the store, and a page of them."""

"""`seaway bench`: how fast a running model server answers, and how much it can take.

The load itself is generated in `seaway._core` (`crates/bench`), so that it is much cheaper than what it measures. Here
is everything around it: what a request says, which measurements are made in which order, and what is told about them.

    target      whom to ask                         request     the bytes of one request, from the live signature
    generator   one measurement                     stages      where the server spent the time, from its metrics
    comparison  two servers in turn, as ratios      search      which rate to try next (pure)
    run         does what a plan says               table, page, svg   the report as text and as HTML

Nothing here knows Seaway's own server: any server with TensorFlow Serving's APIs can be measured.
"""

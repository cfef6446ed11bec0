"""What a deployer and its servers say to each other, as data: the published decision one way, reports the other.

    deployer  ──  STATE/published.json  ──►  every replica
    deployer  ◄──  STATE/reports/NAME.json  ──  each replica

Both are whole files that are written beside and moved in, in a directory that all of them reach (the model store's
own, unless said otherwise), so nobody needs an address, a port or a password of anybody else. Neither side's code
is here.
"""

"""Lets the number of replicas follow the load, within bounds and without flapping.

reports → sample (pure) → decision (pure) → change of the number of replicas
"""

"""Moves a model from one version to another, stage by stage, and back by itself when the new one breaks an objective.

    reports (before, now) → window (pure) → decision (pure) → change of traffic → record

Both versions are loaded in the same servers throughout; a stage differs from the next only in who answers how much.
"""

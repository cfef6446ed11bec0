"""Whether another engine answers the same and faster: found out beside the server, decided by figures, remembered.

tuner (a thread of the server)  →  supervisor  →  a process of its own: run (samples, agreement, figures)
│ verdict, decisions                           at idle priority, within limits
└→ the version's loader switches engines
"""

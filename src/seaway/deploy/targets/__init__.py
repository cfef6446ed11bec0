"""The places where replicas run, one package each; what knows an engine is in its package and nowhere else."""

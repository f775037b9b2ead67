"""`hublink build`: what goes onto a board, and nothing else."""

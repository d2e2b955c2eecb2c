"""The Textual app. Reads recordings and nothing else."""

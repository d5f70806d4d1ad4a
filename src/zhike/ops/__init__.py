"""What an operator runs: health, metrics, export, bench, eval."""

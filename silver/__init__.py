"""What it means: typed events, and beside them what broke the contract and what came twice."""

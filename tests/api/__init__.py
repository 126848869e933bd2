"""The doors, with a real bus behind them."""

"""Who is asking: credentials and the people and applications behind them (45 CFR 164.312(d))."""

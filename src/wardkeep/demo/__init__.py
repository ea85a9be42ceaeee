"""The demonstration: a real instance in real processes against simulated vendors, every claim checked as it is made."""

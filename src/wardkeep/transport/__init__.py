"""Every socket to elsewhere: vendors, the keeper, and the listening side. Bytes only; nothing here knows a provider."""

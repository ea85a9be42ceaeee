"""Vendors' wire protocols: how a routed call is sent. The address and credential come from the registry alone."""

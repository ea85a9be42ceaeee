"""The compliance core: vendors, agreements, people, keys, and the facts that every call is decided on."""

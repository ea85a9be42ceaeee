"""Wardkeep: a self-hosted HIPAA gateway and compliance control plane for AI."""

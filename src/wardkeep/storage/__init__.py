"""Stores: the only package that speaks SQL. It keeps bytes it does not interpret, durably and in transactions."""

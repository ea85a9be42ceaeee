"""De-identification: find identifiers, replace them by reversible surrogates, restore them in answers.

Implements the Safe Harbor list of identifiers, 45 CFR 164.514(b)(2)(i). Text so treated is still PHI: detection is
never perfect and the surrogates are reversible.
"""

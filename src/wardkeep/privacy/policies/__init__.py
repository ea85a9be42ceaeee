"""What is done to each class of identifier: classes and policies as data, checked when they are loaded.

45 CFR 164.514(b)(2) (Safe Harbor), (e) (limited data sets), 164.502(b) (minimum necessary). The files beside this one
are the shipped policies; an organisation's own has the same form. A class that a policy does not know, or that the list
of classes does not know, is an error: a misspelt restriction would be a missing one.
"""

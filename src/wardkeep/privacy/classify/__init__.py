"""The classifier trained in this repository (`make model`): stage 4 of de-identification."""

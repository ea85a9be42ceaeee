"""HTTP faces. They frame, parse and present; they decide nothing."""

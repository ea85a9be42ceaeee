"""Overdue training and unsigned policies close the road on the very next call, in every worker, and open it again."""

"""Text of documents and images in requests, read in a process of its own: what is not read does not leave."""

"""How a film reaches the origin: resumable uploads by tus 1.0, and files fetched from allowed places."""

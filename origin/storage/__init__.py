"""The titles in an object store: records, publishing, the index that is served from."""

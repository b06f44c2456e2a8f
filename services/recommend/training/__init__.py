"""Training: from stored marks to a versioned artefact, judged on a part of them held back."""

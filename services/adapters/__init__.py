"""One service as another sees it: services do not import each other, the process that runs them joins them here."""

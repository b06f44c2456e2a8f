"""Hot titles: edges' popularity reports in, hot lists for edges out."""

"""What every rule is asked about: what is remembered, observed and wanted, and the conclusions that follow from these."""

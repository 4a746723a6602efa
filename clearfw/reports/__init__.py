"""Reports: results as tables, plots and pages."""

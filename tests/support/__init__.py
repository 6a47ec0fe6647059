"""What several suites share: real database servers, waiting for real processes."""

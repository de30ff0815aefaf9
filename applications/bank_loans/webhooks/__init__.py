"""What is told to banks unasked (Standard Webhooks): a grade lost, regained, withdrawn."""

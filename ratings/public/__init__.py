"""Pages without sign-in: public notice, and the one-time links of pharmacies."""

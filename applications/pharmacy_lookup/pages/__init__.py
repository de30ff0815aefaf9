"""The pages for residents, in Chinese and, under ``/en/``, in English."""

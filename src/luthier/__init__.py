"""luthier: which way of fine-tuning should I use, how sure is that, and what does it cost?"""

__version__ = "0.1.0"

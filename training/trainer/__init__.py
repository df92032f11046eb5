"""Training LoRA adapters in PyTorch, without Django; and learning tastes in numpy, which loads no torch."""

"""Callbacks for the trainers of other libraries; each needs its library, and nothing else here imports them."""

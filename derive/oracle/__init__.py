"""The second judge: exact evaluation of typed terms on concrete arrays, without a rewrite rule."""

"""Forward documents: layers and losses of every kind, without a single claim."""

from __future__ import annotations

_VECTOR = r"Let $x \in \mathbb{R}^N$." + "\n\n"
_MATRIX = r"Let $X \in \mathbb{R}^{N \times D}$." + "\n\n"
_LOSS = "\n\n" + r"A loss $f : \mathbb{R}^N \to \mathbb{R}$ is taken of $y$."

FORWARD: dict[str, str] = {
    "square": _VECTOR + r"$$L = \sum_{i=1}^{N} x_i^2$$",
    "mean": _VECTOR + r"$$m = \frac{1}{N} \sum_{i=1}^{N} x_i$$",
    "variance": _VECTOR
    + r"$$\mu = \frac{1}{N} \sum_i x_i, \qquad v = \frac{1}{N} \sum_i (x_i - \mu)^2$$",
    "mse": r"Let $x, t \in \mathbb{R}^N$. $$L = \frac{1}{N} \sum_{i=1}^{N} (x_i - t_i)^2$$",
    "ridge": r"Let $X \in \mathbb{R}^{N \times D}$, $w \in \mathbb{R}^D$, $t \in \mathbb{R}^N$, "
    r"$\lambda \in \mathbb{R}$. $$r = X w - t$$ $$L = \sum_i r_i^2 + \lambda \sum_j w_j^2$$",
    "quadratic": r"Let $A \in \mathbb{R}^{N \times N}$, $x \in \mathbb{R}^N$. $$L = x^\top A x$$",
    "linear": r"Let $W \in \mathbb{R}^{M \times N}$, $x \in \mathbb{R}^N$, $b \in \mathbb{R}^M$."
    r" $$y = W x + b$$",
    "batch_linear": r"Let $X \in \mathbb{R}^{N \times D}$, $W \in \mathbb{R}^{M \times D}$, "
    r"$b \in \mathbb{R}^M$. $$Y_{ij} = \sum_{k=1}^{D} X_{ik} W_{jk} + b_j$$",
    "two_layers": r"Let $W \in \mathbb{R}^{M \times N}$, $x \in \mathbb{R}^N$, "
    r"$V \in \mathbb{R}^{K \times M}$. $$h = \tanh(W x)$$ $$y = V h$$",
    "softmax": _VECTOR + r"$$p_i = \frac{\exp(x_i)}{\sum_{k=1}^{N} \exp(x_k)}$$",
    "softmax_named": _VECTOR + r"$$Z = \sum_{k=1}^{N} \exp(x_k), \qquad p_i = \exp(x_i) / Z$$",
    "cross_entropy": r"Let $x, t \in \mathbb{R}^N$. Assume $\sum_k t_k = 1$."
    r" $$p_i = \frac{\exp(x_i)}{\sum_{k=1}^{N} \exp(x_k)}$$ $$L = -\sum_{k=1}^N t_k \log p_k$$",
    "cross_entropy_free": r"Let $x, t \in \mathbb{R}^N$."
    r" $$p_i = \frac{\exp(x_i)}{\sum_{k=1}^{N} \exp(x_k)}$$ $$L = -\sum_{k=1}^N t_k \log p_k$$",
    "logsumexp": _VECTOR + r"$$\ell = \log \sum_{k=1}^{N} \exp(x_k)$$",
    "log_softmax": _VECTOR + r"$$\ell = \log \sum_{k=1}^{N} \exp(x_k)$$ $$y_i = x_i - \ell$$",
    "rmsnorm": r"Let $x, \gamma \in \mathbb{R}^N$, $\epsilon > 0$."
    r" $$m = \frac{1}{N} \sum_i x_i^2$$ $$y_i = \gamma_i x_i (m + \epsilon)^{-1/2}$$",
    "layernorm": r"Let $X \in \mathbb{R}^{N \times D}$, $\gamma, \beta \in \mathbb{R}^D$, "
    r"$\epsilon > 0$. $$\mu_i = \frac{1}{D} \sum_{j=1}^D X_{ij}$$"
    r" $$v_i = \frac{1}{D} \sum_{j=1}^D (X_{ij} - \mu_i)^2$$"
    r" $$Y_{ij} = \gamma_j \frac{X_{ij} - \mu_i}{\sqrt{v_i + \epsilon}} + \beta_j$$",
    "l2norm": r"Let $x \in \mathbb{R}^N$, $\epsilon > 0$."
    r" $$y_i = \frac{x_i}{\sqrt{\sum_k x_k^2 + \epsilon}}$$",
    "cosine": r"Let $a, b \in \mathbb{R}^N$. $$c = \frac{\sum_i a_i b_i}"
    r"{\sqrt{\sum_i a_i^2} \sqrt{\sum_i b_i^2}}$$",
    "sigmoid": _VECTOR + r"$$y_i = \frac{1}{1 + \exp(-x_i)}$$" + _LOSS,
    "sigmoid_name": _VECTOR + r"$$y_i = \operatorname{sigmoid}(x_i)$$",
    "tanh": _VECTOR + r"$$y_i = \tanh(x_i)$$" + _LOSS,
    "softplus": _VECTOR + r"$$y_i = \log(1 + \exp(x_i))$$",
    "silu": _VECTOR + r"$$s_i = \frac{1}{1 + \exp(-x_i)}, \qquad y_i = x_i s_i$$",
    "silu_plain": _VECTOR + r"$$y_i = x_i \operatorname{sigmoid}(x_i)$$",
    "gelu": _VECTOR + r"$$y_i = \frac{x_i}{2} (1 + \operatorname{erf}(x_i / \sqrt{2}))$$",
    "gelu_tanh": r"Let $x \in \mathbb{R}^N$, $c, a \in \mathbb{R}$."
    r" $$t_i = \tanh(c (x_i + a x_i^3))$$ $$y_i = \frac{x_i}{2} (1 + t_i)$$",
    "relu": _VECTOR + r"$$y_i = \max(x_i, 0)$$" + _LOSS,
    "leaky": r"Let $x \in \mathbb{R}^N$, $a > 0$."
    r" $$y_i = \begin{cases} x_i & x_i > 0 \\ a x_i & \text{otherwise} \end{cases}$$",
    "l1": r"Let $x, t \in \mathbb{R}^N$. $$L = \sum_{i=1}^N |x_i - t_i|$$",
    "hinge": r"Let $x, t \in \mathbb{R}^N$. $$L = \sum_{i=1}^N \max(0, 1 - t_i x_i)$$",
    "attention": r"Let $Q, K, V \in \mathbb{R}^{N \times D}$."
    r" $$S_{ij} = D^{-1/2} \sum_{k=1}^{D} Q_{ik} K_{jk}$$"
    r" $$P_{ij} = \frac{\exp(S_{ij})}{\sum_{l=1}^{N} \exp(S_{il})}$$"
    r" $$O_{id} = \sum_{j=1}^N P_{ij} V_{jd}$$",
    "two_outputs": r"Let $x \in \mathbb{R}^N$, $a \in \mathbb{R}$."
    r" $$y_i = a x_i$$ $$z_i = x_i^2$$",
    "logistic": r"Let $z, t \in \mathbb{R}^N$."
    r" $$L = \sum_{i=1}^N (\log(1 + \exp(z_i)) - t_i z_i)$$",
    "gaussian": r"Let $x \in \mathbb{R}^N$, $m \in \mathbb{R}$, $s > 0$."
    r" $$L = \sum_{i=1}^N \left(\log s + \frac{(x_i - m)^2}{2 s^2}\right)$$",
    "outer": r"Let $a \in \mathbb{R}^N$, $b \in \mathbb{R}^M$, $C \in \mathbb{R}^{N \times M}$."
    r" $$L = \sum_{i=1}^N \sum_{j=1}^M C_{ij} a_i b_j^2$$",
    "rank_three": r"Let $T \in \mathbb{R}^{A \times B \times C}$."
    r" $$m_{ij} = \frac{1}{C} \sum_{k=1}^C T_{ijk}$$ $$L = \sum_{i=1}^A \sum_{j=1}^B m_{ij}^2$$",
    "trace": r"Let $A, B \in \mathbb{R}^{N \times N}$. $$L = \operatorname{tr}(A B)$$",
    "opaque": _VECTOR + r"$$y_i = \phi(x_i)$$",
}

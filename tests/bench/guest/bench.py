# SPDX-License-Identifier: Apache-2.0
"""Objects, dictionaries, strings, a generator."""


class Node:
    def __init__(self, key):
        self.key, self.left, self.right = key, None, None

    def insert(self, key):
        node = self
        while True:
            side = 'left' if key < node.key else 'right'
            child = getattr(node, side)
            if child is None:
                setattr(node, side, Node(key))
                return
            node = child

    def walk(self):
        if self.left:
            yield from self.left.walk()
        yield self.key
        if self.right:
            yield from self.right.walk()


def queens(n, row=0, cols=0, down=0, up=0):
    if row == n:
        return 1
    found = 0
    for c in range(n):
        if not (cols >> c & 1 or down >> (row + c) & 1 or up >> (row - c + n) & 1):
            found += queens(n, row + 1, cols | 1 << c, down | 1 << (row + c), up | 1 << (row - c + n))
    return found


root, seed = Node(1 << 30), 12345
for _ in range(6000):
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    root.insert(seed)
words = {}
for i in range(30000):
    w = f'w{i * 7919 % 1009}'
    words[w] = words.get(w, 0) + len(w)
print(sum(k * i for i, k in enumerate(root.walk())), queens(7), sorted(words.items())[:5],
      sum(map(int, ','.join(str(i) for i in range(20000)).split(','))))

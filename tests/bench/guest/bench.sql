-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
    INSERT INTO t SELECT i, i * 7919 % 10007, printf('name-%d-%x', i % 97, i * 31) FROM n;
CREATE INDEX ta ON t(a);
CREATE INDEX tb ON t(b);
SELECT count(*), sum(a), min(b), max(b) FROM t WHERE b LIKE '%9-1%';
SELECT a % 50, count(*), avg(id) FROM t GROUP BY a % 50 ORDER BY 3 LIMIT 5;
SELECT count(*) FROM t x JOIN t y ON x.a = y.a + 1 WHERE x.id < 8000;
UPDATE t SET b = b || '-' || a WHERE a BETWEEN 100 AND 3000;
SELECT sum(length(b)) FROM t;

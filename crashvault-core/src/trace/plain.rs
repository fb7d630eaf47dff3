//! Leaves, in tests: texts that hold much of what traces are made of, and tell of no failure.

pub(super) const PLAIN: &[&str] = &[
    // Prose.
    "We met at noon (at the old bridge), at 12:30:15. Look at https://example.com/a.js:1:2 for more.\n\
     The error at line 12 was fixed at last; see Cart.total (Cart.java:30).\n\
     Panic at the disco! Exceptions prove the rule: call me at work (555-1234).\n\
     She looked at 3 (three), at 4 (four) and at 5 (five) of them.\n",
    "# Errors\n\nA `TypeError: x is not a function` means that x is no function.\n\
     Traceback is what Python calls a stack trace. An exception in thread main ends the program.\n\
     Fatal error: what PHP says. panic: what Go says, thread 'main' panicked: what Rust says.\n",
    // Data.
    "{\"name\": \"at\", \"line\": 12, \"file\": \"a.js\", \"at\": [1, 2], \"error\": null, \"mail\": \"a@b.c:12\"}\n\
     {\"level\": \"info\", \"msg\": \"line one\\nline two\\n  at the end\", \"error\": \"Error: refused\"}\n\
     {\"a\": {\"stack\": \"one\\ntwo\", \"exception\": \"none\"}}\n",
    "id,name,at,line\n1,Error,12:30,5\n2,\"a, b\",at 12:31,6\n3,java.io.IOException,at (x),7\n#0,x,y,z\n#1,x,y,z\n",
    "host: a\nstages:\n  - at: 12:30\n    line: 5\nerrors: []\nfile: \"a.py\", line 3\n",
    // Source code.
    "fn main() {\n    panic!(\"panicked at {}\", 1);\n    // at a.rs:1:2\n    let x = backtrace(); // #0  x\n}\n",
    "def f(x):\n    raise ValueError(\"at (a.py:1)\")\n\ntry:\n    f(1)\nexcept ValueError as error:\n    print(f\"{error} at line {1}\")\n",
    "public class Cart {\n    /** @see Cart at line 12 */\n    void total() throws java.io.IOException {\n        throw new IllegalStateException(\"no cart\");\n    }\n}\n// at (Cart.java:30)\n",
    "class Cart {\n  total() {\n    throw new TypeError('x at (a.js:1:2)');\n  }\n}\nsend('a@b.js:1');\nimport x from '@scope/x.js';\n",
    "#!/usr/bin/perl\ndie \"no\" unless $x; # see line 3 of a.pl.\nputs \"x\" # from a.rb:1:in f\nlocal x = debug.traceback()\n",
    "#include <assert.h>\nint main(void) {\n    assert(x == 1); /* a.c:3: main: */\n    printf(\"*** done\\n\");\n    free(x);\n}\n",
    // What tools print.
    "diff --git a/src/a.js b/src/a.js\nindex 12ab..34cd 100644\n--- a/src/a.js\n+++ b/src/a.js\n@@ -1,2 +1,3 @@ function total() {\n-    at(1);\n+    at(2); // TypeError: x\n+    throw new Error('x')\n",
    "src/a.c:3:7: error: expected ';' before 'x'\nsrc/a.c: In function 'main':\nsrc/a.c:4:1: warning: unused variable 'y'\n   Compiling shop v0.1.0 (/srv/shop)\nerror[E0308]: mismatched types\n --> src/main.rs:3:5\n",
    "commit 12ab34cd\nAuthor: A B <a@b.example>\nDate:   Fri Jan 2 03:04:05 2026 +0100\n\n    Fix error at line 12 (#0)\n\n#12 first\n#13 second\n",
    "test cart::total ... ok\ntest cart::price ... FAILED\ntest result: FAILED. 1 passed; 1 failed; finished in 0.01s\n",
    "* 12ab34c (HEAD -> main) Error: x\n* 34cd56e at last\nOn branch main\nnothing to commit\n",
    // Logs of servers.
    "127.0.0.1 - a@b [02/Jan/2026:03:04:05 +0000] \"GET /cart.js:1:2 HTTP/1.1\" 500 12 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n\
     2026/01/02 03:04:05 [error] 7#7: *12 open() \"/srv/a.html\" failed (2: No such file or directory), client: 10.0.0.1\n",
    "2026-01-02 03:04:05.678 UTC [12] ERROR:  duplicate key value violates unique constraint \"a_pkey\" at character 12\n\
     2026-01-02 03:04:05.678 UTC [12] DETAIL:  Key (id)=(1) already exists.\n\
     2026-01-02 03:04:05.678 UTC [12] CONTEXT:  PL/pgSQL function f(integer) line 3 at RAISE\n\
     2026-01-02 03:04:05.678 UTC [12] STATEMENT:  INSERT INTO a VALUES (1)\n",
    "Jan  2 03:04:05 host sshd[12]: Accepted publickey for a from 10.0.0.1 port 22 ssh2: RSA SHA256:abc\n\
     Jan  2 03:04:05 host systemd[1]: Started Session 12 of User a@b.\n\
     Jan  2 03:04:05 host kernel: [   12.345678] usb 1-1: new device at 0x12 (rev 3)\n\
     Jan  2 03:04:06 host kernel: [   12.345679] Linux version 6.1 (a@b) (gcc 12, https://example.com/x) #1 SMP Fri Jan 2 03:04:05\n",
    "2026-01-02T03:04:05.678Z INFO app::server: listening at 0.0.0.0:8080\n\
     2026-01-02T03:04:05.679Z WARN app::cart: retry at 12:30:15 (3)\n\
     2026-01-02T03:04:05.680Z ERROR app::cart: refused: connection at 10.0.0.1:5432 (os error 111)\n",
    "I0102 03:04:05.678901       1 main.go:12] started goroutine pool (8)\nE0102 03:04:05.678902       1 cart.go:30] no cart: not found\n",
    "01-02 03:04:05.678  123  456 I ActivityManager: Start proc 789:com.example.shop/u0a1 for activity {com.example.shop/.Main}\n\
     01-02 03:04:05.678  123  456 W System.err: closed at (3)\n",
    "[Fri Jan 02 03:04:05.678 2026] [core:error] [pid 12:tid 34] [client 10.0.0.1:80] AH00126: Invalid URI in request GET /a@b.c:12\n",
    "03:04:05.678 [main] INFO  c.e.s.Shop - started in 1.2 s at (port 80)\n03:04:05.679 [main] ERROR c.e.s.Shop - no cart: IllegalStateException\n",
];

;; The products that a net's training consists of, for WebAssembly with SIMD, on a memory that the page hands over.
;; Addresses, strides and table entries are in bytes; sizes are counted in float32 numbers. What is read past the end of
;; a row is dropped again, so the memory has 64 bytes to spare behind its last array.
;;
;; `f32x4.relaxed_madd` is a·b + c rounded once where the processor has it. Engines without relaxed SIMD take the same
;; file with a product and a sum in its place (playground/assembly.py).
(module
  (import "page" "memory" (memory 1))

  ;; rows: C[m][n] (+)= Σ_k A[m][k] · B[taps[k]][n], C in tiles of 4×8.
  ;; A's numbers lie `a_row` and `a_step` apart, so that it may be read transposed; a row of B begins where the table
  ;; says: for a convolution, at the image shifted by one of the kernel's offsets, and no image is copied apart.
  (func (export "rows")
    (param $a i32) (param $a_row i32) (param $a_step i32) (param $b i32) (param $taps i32)
    (param $c i32) (param $c_row i32) (param $M i32) (param $K i32) (param $N i32) (param $adds i32)
    (local $m i32) (local $n i32) (local $tap i32) (local $last i32) (local $from i32) (local $p i32) (local $to i32)
    (local $a0 i32) (local $a1 i32) (local $a2 i32) (local $a3 i32)
    (local $b0 v128) (local $b1 v128) (local $s v128)
    (local $c00 v128) (local $c01 v128) (local $c10 v128) (local $c11 v128)
    (local $c20 v128) (local $c21 v128) (local $c30 v128) (local $c31 v128)
    (local.set $last (i32.add (local.get $taps) (i32.shl (local.get $K) (i32.const 2))))
    (loop $columns
      (local.set $from (i32.add (local.get $b) (i32.shl (local.get $n) (i32.const 2))))
      (local.set $m (i32.const 0))
      (loop $tiles
        ;; a tile past the last row reads that row again, and does not keep what comes of it
        (local.set $a0 (i32.add (local.get $a) (i32.mul (local.get $m) (local.get $a_row))))
        (local.set $a1 (call $next (local.get $a0) (local.get $a_row) (local.get $m) (i32.const 1) (local.get $M)))
        (local.set $a2 (call $next (local.get $a1) (local.get $a_row) (local.get $m) (i32.const 2) (local.get $M)))
        (local.set $a3 (call $next (local.get $a2) (local.get $a_row) (local.get $m) (i32.const 3) (local.get $M)))
        (local.set $c00 (v128.const f32x4 0 0 0 0)) (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c10 (v128.const f32x4 0 0 0 0)) (local.set $c11 (v128.const f32x4 0 0 0 0))
        (local.set $c20 (v128.const f32x4 0 0 0 0)) (local.set $c21 (v128.const f32x4 0 0 0 0))
        (local.set $c30 (v128.const f32x4 0 0 0 0)) (local.set $c31 (v128.const f32x4 0 0 0 0))
        (local.set $tap (local.get $taps))
        (loop $sum
          (local.set $p (i32.add (local.get $from) (i32.load (local.get $tap))))
          (local.set $b0 (v128.load (local.get $p)))
          (local.set $b1 (v128.load offset=16 (local.get $p)))
          (local.set $s (v128.load32_splat (local.get $a0)))
          (local.set $c00 (f32x4.relaxed_madd (local.get $s) (local.get $b0) (local.get $c00)))
          (local.set $c01 (f32x4.relaxed_madd (local.get $s) (local.get $b1) (local.get $c01)))
          (local.set $s (v128.load32_splat (local.get $a1)))
          (local.set $c10 (f32x4.relaxed_madd (local.get $s) (local.get $b0) (local.get $c10)))
          (local.set $c11 (f32x4.relaxed_madd (local.get $s) (local.get $b1) (local.get $c11)))
          (local.set $s (v128.load32_splat (local.get $a2)))
          (local.set $c20 (f32x4.relaxed_madd (local.get $s) (local.get $b0) (local.get $c20)))
          (local.set $c21 (f32x4.relaxed_madd (local.get $s) (local.get $b1) (local.get $c21)))
          (local.set $s (v128.load32_splat (local.get $a3)))
          (local.set $c30 (f32x4.relaxed_madd (local.get $s) (local.get $b0) (local.get $c30)))
          (local.set $c31 (f32x4.relaxed_madd (local.get $s) (local.get $b1) (local.get $c31)))
          (local.set $a0 (i32.add (local.get $a0) (local.get $a_step)))
          (local.set $a1 (i32.add (local.get $a1) (local.get $a_step)))
          (local.set $a2 (i32.add (local.get $a2) (local.get $a_step)))
          (local.set $a3 (i32.add (local.get $a3) (local.get $a_step)))
          (br_if $sum (i32.lt_u (local.tee $tap (i32.add (local.get $tap) (i32.const 4))) (local.get $last))))
        (local.set $to (i32.add (i32.add (local.get $c) (i32.mul (local.get $m) (local.get $c_row)))
                                (i32.shl (local.get $n) (i32.const 2))))
        (local.set $p (i32.sub (local.get $N) (local.get $n)))
        (call $put (local.get $to) (local.get $c00) (local.get $c01) (local.get $p) (local.get $adds))
        (if (i32.lt_u (i32.add (local.get $m) (i32.const 1)) (local.get $M)) (then
          (call $put (i32.add (local.get $to) (local.get $c_row)) (local.get $c10) (local.get $c11) (local.get $p) (local.get $adds))))
        (if (i32.lt_u (i32.add (local.get $m) (i32.const 2)) (local.get $M)) (then
          (call $put (i32.add (local.get $to) (i32.mul (local.get $c_row) (i32.const 2))) (local.get $c20) (local.get $c21) (local.get $p) (local.get $adds))))
        (if (i32.lt_u (i32.add (local.get $m) (i32.const 3)) (local.get $M)) (then
          (call $put (i32.add (local.get $to) (i32.mul (local.get $c_row) (i32.const 3))) (local.get $c30) (local.get $c31) (local.get $p) (local.get $adds))))
        (br_if $tiles (i32.lt_u (local.tee $m (i32.add (local.get $m) (i32.const 4))) (local.get $M))))
      (br_if $columns (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 8))) (local.get $N)))))

  ;; dots: C[m][n] (+)= Σ_k A[m][k] · B[taps[n]][k], C in tiles of 4×2, four products at a time along k.
  (func (export "dots")
    (param $a i32) (param $a_row i32) (param $b i32) (param $taps i32)
    (param $c i32) (param $c_row i32) (param $M i32) (param $N i32) (param $K i32) (param $adds i32)
    (local $m i32) (local $n i32) (local $k i32) (local $whole i32) (local $to i32) (local $mask v128)
    (local $a0 i32) (local $a1 i32) (local $a2 i32) (local $a3 i32) (local $b0 i32) (local $b1 i32)
    (local $x v128) (local $y0 v128) (local $y1 v128)
    (local $c00 v128) (local $c01 v128) (local $c10 v128) (local $c11 v128)
    (local $c20 v128) (local $c21 v128) (local $c30 v128) (local $c31 v128)
    (local.set $whole (i32.shl (i32.and (local.get $K) (i32.const -4)) (i32.const 2)))
    (local.set $mask (i32x4.lt_s (v128.const i32x4 0 1 2 3) (i32x4.splat (i32.and (local.get $K) (i32.const 3)))))
    (loop $columns
      (local.set $m (i32.const 0))
      (loop $tiles
        (local.set $a0 (i32.add (local.get $a) (i32.mul (local.get $m) (local.get $a_row))))
        (local.set $a1 (call $next (local.get $a0) (local.get $a_row) (local.get $m) (i32.const 1) (local.get $M)))
        (local.set $a2 (call $next (local.get $a1) (local.get $a_row) (local.get $m) (i32.const 2) (local.get $M)))
        (local.set $a3 (call $next (local.get $a2) (local.get $a_row) (local.get $m) (i32.const 3) (local.get $M)))
        (local.set $to (i32.add (local.get $taps) (i32.shl (local.get $n) (i32.const 2))))
        (local.set $b0 (i32.add (local.get $b) (i32.load (local.get $to))))
        (local.set $b1 (local.get $b0))
        (if (i32.lt_u (i32.add (local.get $n) (i32.const 1)) (local.get $N)) (then
          (local.set $b1 (i32.add (local.get $b) (i32.load offset=4 (local.get $to))))))
        (local.set $c00 (v128.const f32x4 0 0 0 0)) (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c10 (v128.const f32x4 0 0 0 0)) (local.set $c11 (v128.const f32x4 0 0 0 0))
        (local.set $c20 (v128.const f32x4 0 0 0 0)) (local.set $c21 (v128.const f32x4 0 0 0 0))
        (local.set $c30 (v128.const f32x4 0 0 0 0)) (local.set $c31 (v128.const f32x4 0 0 0 0))
        (local.set $k (i32.const 0))
        (if (local.get $whole) (then
          (loop $sum
            (local.set $y0 (v128.load (i32.add (local.get $b0) (local.get $k))))
            (local.set $y1 (v128.load (i32.add (local.get $b1) (local.get $k))))
            (local.set $x (v128.load (i32.add (local.get $a0) (local.get $k))))
            (local.set $c00 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c00)))
            (local.set $c01 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c01)))
            (local.set $x (v128.load (i32.add (local.get $a1) (local.get $k))))
            (local.set $c10 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c10)))
            (local.set $c11 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c11)))
            (local.set $x (v128.load (i32.add (local.get $a2) (local.get $k))))
            (local.set $c20 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c20)))
            (local.set $c21 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c21)))
            (local.set $x (v128.load (i32.add (local.get $a3) (local.get $k))))
            (local.set $c30 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c30)))
            (local.set $c31 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c31)))
            (br_if $sum (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 16))) (local.get $whole))))))
        (if (i32.and (local.get $K) (i32.const 3)) (then
          (local.set $y0 (v128.and (local.get $mask) (v128.load (i32.add (local.get $b0) (local.get $k)))))
          (local.set $y1 (v128.and (local.get $mask) (v128.load (i32.add (local.get $b1) (local.get $k)))))
          (local.set $x (v128.and (local.get $mask) (v128.load (i32.add (local.get $a0) (local.get $k)))))
          (local.set $c00 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c00)))
          (local.set $c01 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c01)))
          (local.set $x (v128.and (local.get $mask) (v128.load (i32.add (local.get $a1) (local.get $k)))))
          (local.set $c10 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c10)))
          (local.set $c11 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c11)))
          (local.set $x (v128.and (local.get $mask) (v128.load (i32.add (local.get $a2) (local.get $k)))))
          (local.set $c20 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c20)))
          (local.set $c21 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c21)))
          (local.set $x (v128.and (local.get $mask) (v128.load (i32.add (local.get $a3) (local.get $k)))))
          (local.set $c30 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c30)))
          (local.set $c31 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c31)))))
        (local.set $to (i32.add (i32.add (local.get $c) (i32.mul (local.get $m) (local.get $c_row)))
                                (i32.shl (local.get $n) (i32.const 2))))
        (local.set $k (i32.sub (local.get $M) (local.get $m)))
        (call $drop (local.get $to) (local.get $c_row) (local.get $k) (local.get $adds)
          (call $sums (local.get $c00) (local.get $c10) (local.get $c20) (local.get $c30)))
        (if (i32.lt_u (i32.add (local.get $n) (i32.const 1)) (local.get $N)) (then
          (call $drop (i32.add (local.get $to) (i32.const 4)) (local.get $c_row) (local.get $k) (local.get $adds)
            (call $sums (local.get $c01) (local.get $c11) (local.get $c21) (local.get $c31)))))
        (br_if $tiles (i32.lt_u (local.tee $m (i32.add (local.get $m) (i32.const 4))) (local.get $M))))
      (br_if $columns (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 2))) (local.get $N)))))

  ;; The row after one at `at`, or that one again where row m + i is past the last.
  (func $next (param $at i32) (param $row i32) (param $m i32) (param $i i32) (param $M i32) (result i32)
    (select (i32.add (local.get $at) (local.get $row)) (local.get $at)
      (i32.lt_u (i32.add (local.get $m) (local.get $i)) (local.get $M))))

  ;; Keep eight sums of a row, or as many as are left of it.
  (func $put (param $to i32) (param $v v128) (param $w v128) (param $left i32) (param $adds i32)
    (if (i32.ge_u (local.get $left) (i32.const 8)) (then
      (if (local.get $adds) (then
        (local.set $v (f32x4.add (local.get $v) (v128.load (local.get $to))))
        (local.set $w (f32x4.add (local.get $w) (v128.load offset=16 (local.get $to))))))
      (v128.store (local.get $to) (local.get $v))
      (v128.store offset=16 (local.get $to) (local.get $w))
      (return)))
    (if (local.get $adds) (then
      (local.set $v (f32x4.add (local.get $v) (v128.load (local.get $to))))
      (local.set $w (f32x4.add (local.get $w) (v128.load offset=16 (local.get $to))))))
    (if (i32.ge_u (local.get $left) (i32.const 4)) (then
      (v128.store (local.get $to) (local.get $v))
      (local.set $v (local.get $w))
      (local.set $to (i32.add (local.get $to) (i32.const 16)))
      (local.set $left (i32.sub (local.get $left) (i32.const 4)))))
    (if (local.get $left) (then (v128.store32_lane 0 (local.get $to) (local.get $v))))
    (if (i32.ge_u (local.get $left) (i32.const 2)) (then (v128.store32_lane offset=4 1 (local.get $to) (local.get $v))))
    (if (i32.ge_u (local.get $left) (i32.const 3)) (then (v128.store32_lane offset=8 2 (local.get $to) (local.get $v)))))

  ;; The sums of the lanes of four vectors, side by side.
  (func $sums (param $p v128) (param $q v128) (param $r v128) (param $s v128) (result v128)
    (local $x v128) (local $y v128)
    (local.set $x (f32x4.add
      (i8x16.shuffle 0 1 2 3 16 17 18 19 8 9 10 11 24 25 26 27 (local.get $p) (local.get $q))
      (i8x16.shuffle 4 5 6 7 20 21 22 23 12 13 14 15 28 29 30 31 (local.get $p) (local.get $q))))
    (local.set $y (f32x4.add
      (i8x16.shuffle 0 1 2 3 16 17 18 19 8 9 10 11 24 25 26 27 (local.get $r) (local.get $s))
      (i8x16.shuffle 4 5 6 7 20 21 22 23 12 13 14 15 28 29 30 31 (local.get $r) (local.get $s))))
    (f32x4.add
      (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $x) (local.get $y))
      (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $x) (local.get $y))))

  ;; Keep four sums of a column, or as many as are left of it.
  (func $drop (param $to i32) (param $row i32) (param $left i32) (param $adds i32) (param $v v128)
    (if (local.get $adds) (then (call $add (local.get $to) (f32x4.extract_lane 0 (local.get $v))))
      (else (f32.store (local.get $to) (f32x4.extract_lane 0 (local.get $v)))))
    (if (i32.ge_u (local.get $left) (i32.const 2)) (then
      (local.set $to (i32.add (local.get $to) (local.get $row)))
      (if (local.get $adds) (then (call $add (local.get $to) (f32x4.extract_lane 1 (local.get $v))))
        (else (f32.store (local.get $to) (f32x4.extract_lane 1 (local.get $v)))))))
    (if (i32.ge_u (local.get $left) (i32.const 3)) (then
      (local.set $to (i32.add (local.get $to) (local.get $row)))
      (if (local.get $adds) (then (call $add (local.get $to) (f32x4.extract_lane 2 (local.get $v))))
        (else (f32.store (local.get $to) (f32x4.extract_lane 2 (local.get $v)))))))
    (if (i32.ge_u (local.get $left) (i32.const 4)) (then
      (local.set $to (i32.add (local.get $to) (local.get $row)))
      (if (local.get $adds) (then (call $add (local.get $to) (f32x4.extract_lane 3 (local.get $v))))
        (else (f32.store (local.get $to) (f32x4.extract_lane 3 (local.get $v))))))))

  (func $add (param $to i32) (param $x f32)
    (f32.store (local.get $to) (f32.add (f32.load (local.get $to)) (local.get $x))))
)

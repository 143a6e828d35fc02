;; What a net's training consists of, for WebAssembly with SIMD, on a memory that the page hands over: two matrix products,
;; and the passes over values that are too many for plain JavaScript.
;;
;; Addresses, strides and table entries are in bytes; sizes are counted in float32 numbers. Up to 64 bytes are read past
;; the end of a row, and what is read there is dropped: the memory has them to spare after its last array.
;;
;; `f32x4.relaxed_madd` is a·b + c rounded once where the processor has it. Browsers without relaxed SIMD take the same
;; file with a product and a sum in its place (playground/assembly.py).
(module
  (import "page" "memory" (memory 1))

  ;; rows: C[m][n] (+)= Σ_k A[m][k] · B[taps[k]][n], C in tiles of 4×8.
  ;; A is packed: four rows side by side, [m / 4][k][m mod 4], with zeros past its last row; K is even. A row of B begins
  ;; where the table says: for a convolution, at the image shifted by one of the kernel's offsets.
  (func (export "rows")
    (param $a i32) (param $b i32) (param $taps i32) (param $c i32) (param $c_row i32)
    (param $M i32) (param $K i32) (param $N i32) (param $adds i32)
    (local $m i32) (local $n i32) (local $tap i32) (local $last i32) (local $from i32) (local $at i32) (local $p i32) (local $to i32)
    (local $b0 v128) (local $b1 v128) (local $s v128)
    (local $c00 v128) (local $c01 v128) (local $c10 v128) (local $c11 v128)
    (local $c20 v128) (local $c21 v128) (local $c30 v128) (local $c31 v128)
    (local.set $last (i32.add (local.get $taps) (i32.shl (local.get $K) (i32.const 2))))
    (loop $columns
      (local.set $from (i32.add (local.get $b) (i32.shl (local.get $n) (i32.const 2))))
      (local.set $at (local.get $a))
      (local.set $m (i32.const 0))
      (loop $tiles
        (local.set $c00 (v128.const f32x4 0 0 0 0)) (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c10 (v128.const f32x4 0 0 0 0)) (local.set $c11 (v128.const f32x4 0 0 0 0))
        (local.set $c20 (v128.const f32x4 0 0 0 0)) (local.set $c21 (v128.const f32x4 0 0 0 0))
        (local.set $c30 (v128.const f32x4 0 0 0 0)) (local.set $c31 (v128.const f32x4 0 0 0 0))
        (local.set $tap (local.get $taps))
        (loop $sum ;; two of k at a time
          (local.set $p (i32.add (local.get $from) (i32.load (local.get $tap))))
          (local.set $b0 (v128.load (local.get $p)))
          (local.set $b1 (v128.load offset=16 (local.get $p)))
          (local.set $s (v128.load32_splat (local.get $at)))
          (local.set $c00 (f32x4.relaxed_madd (local.get $s) (local.get $b0) (local.get $c00))) (local.set $c01 (f32x4.relaxed_madd (local.get $s) (local.get $b1) (local.get $c01)))
          (local.set $s (v128.load32_splat offset=4 (local.get $at)))
          (local.set $c10 (f32x4.relaxed_madd (local.get $s) (local.get $b0) (local.get $c10))) (local.set $c11 (f32x4.relaxed_madd (local.get $s) (local.get $b1) (local.get $c11)))
          (local.set $s (v128.load32_splat offset=8 (local.get $at)))
          (local.set $c20 (f32x4.relaxed_madd (local.get $s) (local.get $b0) (local.get $c20))) (local.set $c21 (f32x4.relaxed_madd (local.get $s) (local.get $b1) (local.get $c21)))
          (local.set $s (v128.load32_splat offset=12 (local.get $at)))
          (local.set $c30 (f32x4.relaxed_madd (local.get $s) (local.get $b0) (local.get $c30))) (local.set $c31 (f32x4.relaxed_madd (local.get $s) (local.get $b1) (local.get $c31)))
          (local.set $p (i32.add (local.get $from) (i32.load offset=4 (local.get $tap))))
          (local.set $b0 (v128.load (local.get $p)))
          (local.set $b1 (v128.load offset=16 (local.get $p)))
          (local.set $s (v128.load32_splat offset=16 (local.get $at)))
          (local.set $c00 (f32x4.relaxed_madd (local.get $s) (local.get $b0) (local.get $c00))) (local.set $c01 (f32x4.relaxed_madd (local.get $s) (local.get $b1) (local.get $c01)))
          (local.set $s (v128.load32_splat offset=20 (local.get $at)))
          (local.set $c10 (f32x4.relaxed_madd (local.get $s) (local.get $b0) (local.get $c10))) (local.set $c11 (f32x4.relaxed_madd (local.get $s) (local.get $b1) (local.get $c11)))
          (local.set $s (v128.load32_splat offset=24 (local.get $at)))
          (local.set $c20 (f32x4.relaxed_madd (local.get $s) (local.get $b0) (local.get $c20))) (local.set $c21 (f32x4.relaxed_madd (local.get $s) (local.get $b1) (local.get $c21)))
          (local.set $s (v128.load32_splat offset=28 (local.get $at)))
          (local.set $c30 (f32x4.relaxed_madd (local.get $s) (local.get $b0) (local.get $c30))) (local.set $c31 (f32x4.relaxed_madd (local.get $s) (local.get $b1) (local.get $c31)))
          (local.set $at (i32.add (local.get $at) (i32.const 32)))
          (br_if $sum (i32.lt_u (local.tee $tap (i32.add (local.get $tap) (i32.const 8))) (local.get $last))))
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

  ;; dots: C[m][n] (+)= Σ_k A[m][k] · B[taps[n]][k], C in tiles of 2×4, eight of k at a time. The table's length is even,
  ;; so that it may be read two entries at a time.
  (func (export "dots")
    (param $a i32) (param $a_row i32) (param $b i32) (param $taps i32) (param $c i32) (param $c_row i32)
    (param $M i32) (param $N i32) (param $K i32) (param $adds i32)
    (local $m i32) (local $n i32) (local $k i32) (local $whole i32) (local $all i32) (local $to i32) (local $left i32) (local $mask v128)
    (local $a0 i32) (local $a1 i32) (local $b0 i32) (local $b1 i32) (local $b2 i32) (local $b3 i32)
    (local $x v128) (local $y0 v128) (local $y1 v128)
    (local $c00 v128) (local $c01 v128) (local $c02 v128) (local $c03 v128)
    (local $c10 v128) (local $c11 v128) (local $c12 v128) (local $c13 v128)
    (local.set $whole (i32.shl (i32.and (local.get $K) (i32.const -8)) (i32.const 2)))
    (local.set $all (i32.shl (local.get $K) (i32.const 2)))
    (loop $columns
      ;; a tile past the last column or row reads an earlier one again, and does not keep what comes of it
      (local.set $left (i32.sub (local.get $N) (local.get $n)))
      (local.set $to (i32.add (local.get $taps) (i32.shl (local.get $n) (i32.const 2))))
      (local.set $b0 (i32.add (local.get $b) (i32.load (local.get $to))))
      (local.set $b1 (i32.add (local.get $b) (i32.load offset=4 (local.get $to))))
      (local.set $b2 (local.get $b0))
      (local.set $b3 (local.get $b0))
      (if (i32.gt_u (local.get $left) (i32.const 2)) (then
        (local.set $b2 (i32.add (local.get $b) (i32.load offset=8 (local.get $to))))
        (local.set $b3 (i32.add (local.get $b) (i32.load offset=12 (local.get $to))))))
      (local.set $m (i32.const 0))
      (loop $tiles
        (local.set $a0 (i32.add (local.get $a) (i32.mul (local.get $m) (local.get $a_row))))
        (local.set $a1 (select (i32.add (local.get $a0) (local.get $a_row)) (local.get $a0)
          (i32.lt_u (i32.add (local.get $m) (i32.const 1)) (local.get $M))))
        (local.set $c00 (v128.const f32x4 0 0 0 0)) (local.set $c01 (v128.const f32x4 0 0 0 0)) (local.set $c02 (v128.const f32x4 0 0 0 0)) (local.set $c03 (v128.const f32x4 0 0 0 0))
        (local.set $c10 (v128.const f32x4 0 0 0 0)) (local.set $c11 (v128.const f32x4 0 0 0 0)) (local.set $c12 (v128.const f32x4 0 0 0 0)) (local.set $c13 (v128.const f32x4 0 0 0 0))
        (local.set $k (i32.const 0))
        (if (local.get $whole) (then
          (loop $sum
            (local.set $y0 (v128.load (i32.add (local.get $a0) (local.get $k))))
            (local.set $y1 (v128.load (i32.add (local.get $a1) (local.get $k))))
            (local.set $x (v128.load (i32.add (local.get $b0) (local.get $k))))
            (local.set $c00 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c00))) (local.set $c10 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c10)))
            (local.set $x (v128.load (i32.add (local.get $b1) (local.get $k))))
            (local.set $c01 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c01))) (local.set $c11 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c11)))
            (local.set $x (v128.load (i32.add (local.get $b2) (local.get $k))))
            (local.set $c02 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c02))) (local.set $c12 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c12)))
            (local.set $x (v128.load (i32.add (local.get $b3) (local.get $k))))
            (local.set $c03 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c03))) (local.set $c13 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c13)))
            (local.set $y0 (v128.load offset=16 (i32.add (local.get $a0) (local.get $k))))
            (local.set $y1 (v128.load offset=16 (i32.add (local.get $a1) (local.get $k))))
            (local.set $x (v128.load offset=16 (i32.add (local.get $b0) (local.get $k))))
            (local.set $c00 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c00))) (local.set $c10 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c10)))
            (local.set $x (v128.load offset=16 (i32.add (local.get $b1) (local.get $k))))
            (local.set $c01 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c01))) (local.set $c11 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c11)))
            (local.set $x (v128.load offset=16 (i32.add (local.get $b2) (local.get $k))))
            (local.set $c02 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c02))) (local.set $c12 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c12)))
            (local.set $x (v128.load offset=16 (i32.add (local.get $b3) (local.get $k))))
            (local.set $c03 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c03))) (local.set $c13 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c13)))
            (br_if $sum (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 32))) (local.get $whole))))))
        (if (i32.lt_u (local.get $k) (local.get $all)) (then
          (loop $rest ;; four at a time, those past the end put to 0
            (local.set $mask (i32x4.lt_s (v128.const i32x4 0 4 8 12) (i32x4.splat (i32.sub (local.get $all) (local.get $k)))))
            (local.set $y0 (v128.and (local.get $mask) (v128.load (i32.add (local.get $a0) (local.get $k)))))
            (local.set $y1 (v128.and (local.get $mask) (v128.load (i32.add (local.get $a1) (local.get $k)))))
            (local.set $x (v128.and (local.get $mask) (v128.load (i32.add (local.get $b0) (local.get $k)))))
            (local.set $c00 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c00))) (local.set $c10 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c10)))
            (local.set $x (v128.and (local.get $mask) (v128.load (i32.add (local.get $b1) (local.get $k)))))
            (local.set $c01 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c01))) (local.set $c11 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c11)))
            (local.set $x (v128.and (local.get $mask) (v128.load (i32.add (local.get $b2) (local.get $k)))))
            (local.set $c02 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c02))) (local.set $c12 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c12)))
            (local.set $x (v128.and (local.get $mask) (v128.load (i32.add (local.get $b3) (local.get $k)))))
            (local.set $c03 (f32x4.relaxed_madd (local.get $x) (local.get $y0) (local.get $c03))) (local.set $c13 (f32x4.relaxed_madd (local.get $x) (local.get $y1) (local.get $c13)))
            (br_if $rest (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 16))) (local.get $all))))))
        (local.set $to (i32.add (i32.add (local.get $c) (i32.mul (local.get $m) (local.get $c_row)))
                                (i32.shl (local.get $n) (i32.const 2))))
        (call $put4 (local.get $to) (call $sums (local.get $c00) (local.get $c01) (local.get $c02) (local.get $c03)) (local.get $left) (local.get $adds))
        (if (i32.lt_u (i32.add (local.get $m) (i32.const 1)) (local.get $M)) (then
          (call $put4 (i32.add (local.get $to) (local.get $c_row))
            (call $sums (local.get $c10) (local.get $c11) (local.get $c12) (local.get $c13)) (local.get $left) (local.get $adds))))
        (br_if $tiles (i32.lt_u (local.tee $m (i32.add (local.get $m) (i32.const 2))) (local.get $M))))
      (br_if $columns (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 4))) (local.get $N)))))

  ;; Keep eight sums of a row, or as many as are left of it.
  (func $put (param $to i32) (param $v v128) (param $w v128) (param $left i32) (param $adds i32)
    (call $put4 (local.get $to) (local.get $v) (local.get $left) (local.get $adds))
    (if (i32.gt_u (local.get $left) (i32.const 4)) (then
      (call $put4 (i32.add (local.get $to) (i32.const 16)) (local.get $w) (i32.sub (local.get $left) (i32.const 4)) (local.get $adds)))))

  ;; Keep four, or as many as are left.
  (func $put4 (param $to i32) (param $v v128) (param $left i32) (param $adds i32)
    (if (local.get $adds) (then (local.set $v (f32x4.add (local.get $v) (v128.load (local.get $to))))))
    (if (i32.ge_u (local.get $left) (i32.const 4)) (then (v128.store (local.get $to) (local.get $v)) (return)))
    (v128.store32_lane 0 (local.get $to) (local.get $v))
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

  (func $add (param $to i32) (param $x f32)
    (f32.store (local.get $to) (f32.add (f32.load (local.get $to)) (local.get $x))))

  ;; copy: `rows` rows of `columns` numbers from one stride to another, plus `shift`; added to what is there where `adds`.
  (func (export "copy")
    (param $from i32) (param $from_row i32) (param $to i32) (param $to_row i32)
    (param $rows i32) (param $columns i32) (param $shift f32) (param $adds i32)
    (local $p i32) (local $q i32) (local $whole i32) (local $all i32) (local $plus v128) (local $x f32)
    (local.set $plus (f32x4.splat (local.get $shift)))
    (loop $row
      (local.set $p (local.get $from))
      (local.set $q (local.get $to))
      (local.set $whole (i32.add (local.get $p) (i32.shl (i32.and (local.get $columns) (i32.const -4)) (i32.const 2))))
      (local.set $all (i32.add (local.get $p) (i32.shl (local.get $columns) (i32.const 2))))
      (if (local.get $adds)
        (then
          (block $end (loop $four
            (br_if $end (i32.ge_u (local.get $p) (local.get $whole)))
            (v128.store (local.get $q) (f32x4.add (v128.load (local.get $q)) (f32x4.add (v128.load (local.get $p)) (local.get $plus))))
            (local.set $p (i32.add (local.get $p) (i32.const 16)))
            (local.set $q (i32.add (local.get $q) (i32.const 16)))
            (br $four)))
          (block $end (loop $one
            (br_if $end (i32.ge_u (local.get $p) (local.get $all)))
            (f32.store (local.get $q) (f32.add (f32.load (local.get $q)) (f32.add (f32.load (local.get $p)) (local.get $shift))))
            (local.set $p (i32.add (local.get $p) (i32.const 4)))
            (local.set $q (i32.add (local.get $q) (i32.const 4)))
            (br $one))))
        (else
          (block $end (loop $four
            (br_if $end (i32.ge_u (local.get $p) (local.get $whole)))
            (v128.store (local.get $q) (f32x4.add (v128.load (local.get $p)) (local.get $plus)))
            (local.set $p (i32.add (local.get $p) (i32.const 16)))
            (local.set $q (i32.add (local.get $q) (i32.const 16)))
            (br $four)))
          (block $end (loop $one
            (br_if $end (i32.ge_u (local.get $p) (local.get $all)))
            (f32.store (local.get $q) (f32.add (f32.load (local.get $p)) (local.get $shift)))
            (local.set $p (i32.add (local.get $p) (i32.const 4)))
            (local.set $q (i32.add (local.get $q) (i32.const 4)))
            (br $one)))))
      (local.set $from (i32.add (local.get $from) (local.get $from_row)))
      (local.set $to (i32.add (local.get $to) (local.get $to_row)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1))))))

  ;; moments: Σ x and Σ x · y of `count` numbers, x = a − a_near, y = b − b_near.
  (func (export "moments") (param $a i32) (param $b i32) (param $count i32) (param $a_near f32) (param $b_near f32) (result f32 f32)
    (local $whole i32) (local $all i32) (local $x v128) (local $s v128) (local $t v128) (local $from v128) (local $middle v128)
    (local $one f32) (local $sum f32) (local $products f32)
    (local.set $from (f32x4.splat (local.get $a_near)))
    (local.set $middle (f32x4.splat (local.get $b_near)))
    (local.set $whole (i32.add (local.get $a) (i32.shl (i32.and (local.get $count) (i32.const -4)) (i32.const 2))))
    (local.set $all (i32.add (local.get $a) (i32.shl (local.get $count) (i32.const 2))))
    (block $end (loop $four
      (br_if $end (i32.ge_u (local.get $a) (local.get $whole)))
      (local.set $x (f32x4.sub (v128.load (local.get $a)) (local.get $from)))
      (local.set $s (f32x4.add (local.get $s) (local.get $x)))
      (local.set $t (f32x4.add (local.get $t) (f32x4.mul (local.get $x) (f32x4.sub (v128.load (local.get $b)) (local.get $middle)))))
      (local.set $a (i32.add (local.get $a) (i32.const 16)))
      (local.set $b (i32.add (local.get $b) (i32.const 16)))
      (br $four)))
    (local.set $s (call $sums (local.get $s) (local.get $t) (local.get $s) (local.get $t)))
    (local.set $sum (f32x4.extract_lane 0 (local.get $s)))
    (local.set $products (f32x4.extract_lane 1 (local.get $s)))
    (block $end (loop $one
      (br_if $end (i32.ge_u (local.get $a) (local.get $all)))
      (local.set $one (f32.sub (f32.load (local.get $a)) (local.get $a_near)))
      (local.set $sum (f32.add (local.get $sum) (local.get $one)))
      (local.set $products (f32.add (local.get $products) (f32.mul (local.get $one) (f32.sub (f32.load (local.get $b)) (local.get $b_near)))))
      (local.set $a (i32.add (local.get $a) (i32.const 4)))
      (local.set $b (i32.add (local.get $b) (i32.const 4)))
      (br $one)))
    (local.get $sum) (local.get $products))

  ;; blend: to (+)= s · a + t · b + shift, `count` numbers.
  (func (export "blend")
    (param $a i32) (param $b i32) (param $to i32) (param $count i32) (param $s f32) (param $t f32) (param $shift f32) (param $adds i32)
    (local $whole i32) (local $all i32) (local $vs v128) (local $vt v128) (local $plus v128) (local $kept v128)
    (local.set $vs (f32x4.splat (local.get $s)))
    (local.set $vt (f32x4.splat (local.get $t)))
    (local.set $plus (f32x4.splat (local.get $shift)))
    (local.set $kept (i32x4.splat (i32.sub (i32.const 0) (local.get $adds)))) ;; all ones where what is there is kept
    (local.set $whole (i32.add (local.get $a) (i32.shl (i32.and (local.get $count) (i32.const -4)) (i32.const 2))))
    (local.set $all (i32.add (local.get $a) (i32.shl (local.get $count) (i32.const 2))))
    (block $end (loop $four
      (br_if $end (i32.ge_u (local.get $a) (local.get $whole)))
      (v128.store (local.get $to) (f32x4.add
        (v128.and (local.get $kept) (v128.load (local.get $to)))
        (f32x4.add (f32x4.mul (local.get $vs) (v128.load (local.get $a)))
          (f32x4.add (f32x4.mul (local.get $vt) (v128.load (local.get $b))) (local.get $plus)))))
      (local.set $a (i32.add (local.get $a) (i32.const 16)))
      (local.set $b (i32.add (local.get $b) (i32.const 16)))
      (local.set $to (i32.add (local.get $to) (i32.const 16)))
      (br $four)))
    (block $end (loop $one
      (br_if $end (i32.ge_u (local.get $a) (local.get $all)))
      (f32.store (local.get $to) (f32.add
        (select (f32.load (local.get $to)) (f32.const 0) (local.get $adds))
        (f32.add (f32.mul (local.get $s) (f32.load (local.get $a)))
          (f32.add (f32.mul (local.get $t) (f32.load (local.get $b))) (local.get $shift)))))
      (local.set $a (i32.add (local.get $a) (i32.const 4)))
      (local.set $b (i32.add (local.get $b) (i32.const 4)))
      (local.set $to (i32.add (local.get $to) (i32.const 4)))
      (br $one))))

  ;; relu: to = the larger of x and 0; NaN stays NaN. `count` numbers; a multiple of 4 is touched.
  (func (export "relu") (param $from i32) (param $to i32) (param $count i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $from) (i32.shl (local.get $count) (i32.const 2))))
    (loop $four
      (v128.store (local.get $to) (f32x4.max (v128.load (local.get $from)) (v128.const f32x4 0 0 0 0)))
      (local.set $to (i32.add (local.get $to) (i32.const 16)))
      (br_if $four (i32.lt_u (local.tee $from (i32.add (local.get $from) (i32.const 16))) (local.get $end)))))

  ;; relu_back: to (+)= the gradient where the value is above 0. A multiple of 4 is touched.
  (func (export "relu_back") (param $values i32) (param $gradients i32) (param $to i32) (param $count i32) (param $adds i32)
    (local $end i32) (local $kept v128)
    (local.set $kept (i32x4.splat (i32.sub (i32.const 0) (local.get $adds))))
    (local.set $end (i32.add (local.get $values) (i32.shl (local.get $count) (i32.const 2))))
    (loop $four
      (v128.store (local.get $to) (f32x4.add
        (v128.and (local.get $kept) (v128.load (local.get $to)))
        (v128.and (f32x4.gt (v128.load (local.get $values)) (v128.const f32x4 0 0 0 0)) (v128.load (local.get $gradients)))))
      (local.set $gradients (i32.add (local.get $gradients) (i32.const 16)))
      (local.set $to (i32.add (local.get $to) (i32.const 16)))
      (br_if $four (i32.lt_u (local.tee $values (i32.add (local.get $values) (i32.const 16))) (local.get $end)))))

  ;; halve: the largest of each window of 2×2 of a map; `columns` of the input are at least 2 · `across`.
  (func (export "halve") (param $from i32) (param $columns i32) (param $to i32) (param $down i32) (param $across i32)
    (local $p i32) (local $x i32) (local $row i32) (local $v v128) (local $w v128)
    (local.set $row (i32.shl (local.get $columns) (i32.const 2)))
    (loop $rows
      (local.set $p (local.get $from))
      (local.set $x (local.get $across))
      (block $end (loop $four
        (br_if $end (i32.lt_u (local.get $x) (i32.const 4)))
        (local.set $v (f32x4.max (v128.load (local.get $p)) (v128.load (i32.add (local.get $p) (local.get $row)))))
        (local.set $w (f32x4.max (v128.load offset=16 (local.get $p)) (v128.load offset=16 (i32.add (local.get $p) (local.get $row)))))
        (v128.store (local.get $to) (f32x4.max
          (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $v) (local.get $w))
          (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $v) (local.get $w))))
        (local.set $p (i32.add (local.get $p) (i32.const 32)))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (local.set $x (i32.sub (local.get $x) (i32.const 4)))
        (br $four)))
      (block $end (loop $one
        (br_if $end (i32.eqz (local.get $x)))
        (f32.store (local.get $to) (f32.max
          (f32.max (f32.load (local.get $p)) (f32.load offset=4 (local.get $p)))
          (f32.max (f32.load (i32.add (local.get $p) (local.get $row))) (f32.load offset=4 (i32.add (local.get $p) (local.get $row))))))
        (local.set $p (i32.add (local.get $p) (i32.const 8)))
        (local.set $to (i32.add (local.get $to) (i32.const 4)))
        (local.set $x (i32.sub (local.get $x) (i32.const 1)))
        (br $one)))
      (local.set $from (i32.add (local.get $from) (i32.shl (local.get $row) (i32.const 1))))
      (br_if $rows (local.tee $down (i32.sub (local.get $down) (i32.const 1))))))

  ;; halve_back: each window's gradient to the first of its values that is the largest, 0 to the others.
  (func (export "halve_back")
    (param $from i32) (param $columns i32) (param $values i32) (param $gradients i32) (param $to i32) (param $down i32) (param $across i32) (param $adds i32)
    (local $p i32) (local $q i32) (local $x i32) (local $row i32) (local $best i32) (local $most f32)
    (local.set $row (i32.shl (local.get $columns) (i32.const 2)))
    (loop $rows
      (local.set $p (local.get $from))
      (local.set $q (local.get $to))
      (local.set $x (local.get $across))
      (loop $one
        (local.set $most (f32.load (local.get $values)))
        (local.set $best (select (i32.const 4) (i32.add (local.get $row) (i32.const 4))
          (f32.eq (f32.load offset=4 (local.get $p)) (local.get $most))))
        (local.set $best (select (local.get $row) (local.get $best)
          (i32.and (i32.ne (local.get $best) (i32.const 4)) (f32.eq (f32.load (i32.add (local.get $p) (local.get $row))) (local.get $most)))))
        (local.set $best (select (i32.const 0) (local.get $best) (f32.eq (f32.load (local.get $p)) (local.get $most))))
        (if (i32.eqz (local.get $adds)) (then
          (f32.store (local.get $q) (f32.const 0))
          (f32.store offset=4 (local.get $q) (f32.const 0))
          (f32.store (i32.add (local.get $q) (local.get $row)) (f32.const 0))
          (f32.store offset=4 (i32.add (local.get $q) (local.get $row)) (f32.const 0))))
        (call $add (i32.add (local.get $q) (local.get $best)) (f32.load (local.get $gradients)))
        (local.set $p (i32.add (local.get $p) (i32.const 8)))
        (local.set $q (i32.add (local.get $q) (i32.const 8)))
        (local.set $values (i32.add (local.get $values) (i32.const 4)))
        (local.set $gradients (i32.add (local.get $gradients) (i32.const 4)))
        (br_if $one (local.tee $x (i32.sub (local.get $x) (i32.const 1)))))
      (local.set $from (i32.add (local.get $from) (i32.shl (local.get $row) (i32.const 1))))
      (local.set $to (i32.add (local.get $to) (i32.shl (local.get $row) (i32.const 1))))
      (br_if $rows (local.tee $down (i32.sub (local.get $down) (i32.const 1))))))
)

;; Where a block of content ends: content-defined, so that bytes put in or taken out move the ends of a block or two,
;; and no others. A gear hash: each byte shifts the sum by one bit and adds a random number of its own, so that the
;; last 32 bytes decide. Compiled into cut.ts by `npm run wasm`.
(module
  (memory (export "memory") 17 17)
  ;; 256 numbers of 32 bits lie at 0; content from 1024 on.

  ;; The end of the block that begins at `from`: behind the first byte, `min` bytes on or later, where the sum has zeros
  ;; under `mask`; at most `max` bytes on, and never beyond `to`.
  (func (export "cut")
    (param $from i32) (param $to i32) (param $min i32) (param $max i32) (param $mask i32) (result i32)
    (local $sum i32) (local $at i32) (local $end i32) (local $from_here i32)
    (if (i32.le_u (i32.sub (local.get $to) (local.get $from)) (local.get $min)) (then (return (local.get $to))))
    (local.set $end (i32.add (local.get $from) (local.get $max)))
    (if (i32.gt_u (local.get $end) (local.get $to)) (then (local.set $end (local.get $to))))
    (local.set $from_here (i32.add (local.get $from) (local.get $min)))
    (local.set $at (i32.sub (local.get $from_here) (i32.const 32)))
    (loop $before
      (local.set $sum (i32.add
        (i32.shl (local.get $sum) (i32.const 1))
        (i32.load (i32.shl (i32.load8_u (local.get $at)) (i32.const 2)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $before (i32.lt_u (local.get $at) (local.get $from_here))))
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (local.get $end))))
      (local.set $sum (i32.add
        (i32.shl (local.get $sum) (i32.const 1))
        (i32.load (i32.shl (i32.load8_u (local.get $at)) (i32.const 2)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.and (local.get $sum) (local.get $mask))))
    (local.get $at)))

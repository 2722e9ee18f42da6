/* The node <-> worker protocol, version 1. This header is plain C and is all an SDK is built on.
 *
 * Transport: one connected AF_UNIX SOCK_STREAM pair per worker, inherited by the worker as the
 * descriptor number in the environment variable SLUICE_FD. All integers are little-endian. A frame
 * is a 16-byte header and `length` bytes of payload (at most SLUICE_FRAME_MAX).
 *
 * `handle` names a task on this connection (the node chooses it in `start`; never reused on one
 * connection) unless a frame says otherwise; `port` is the index of an input port in frames that
 * carry inputs, of an output port in frames that carry outputs. Descriptors travel only node ->
 * worker, as SCM_RIGHTS attached to the first byte of a `map` frame, exactly one per `map`.
 *
 * Values. The bytes of a value are in one of three places (SLUICE_PLACE_*), named in the low two
 * bits of `flags`: INLINE  the bytes are in the frame itself; RANGE   the frame carries a
 * sluice_range {region, offset, length}; the bytes lie in a region that a `map` frame announced on
 * this connection (memory or a file: mmap or pread it). A node sends ranges only to a worker that
 * said SLUICE_HELLO_SHM, and a worker writes only into ranges that the node granted it; OPEN    the
 * bytes follow in further frames (`chunk` towards the worker, `grow` towards the node) and end with
 * `end` + SLUICE_FLAG_VALUE / `seal`. This is the copy mode: every SDK understands it, in both
 * directions. Also used for a value that is still growing.
 */
#ifndef SLUICE_WIRE_ABI_H
#define SLUICE_WIRE_ABI_H

#include <stdint.h>

#define SLUICE_ABI_VERSION 1
#define SLUICE_HEADER_SIZE 16
#define SLUICE_FRAME_MAX 65536
#define SLUICE_INLINE_MAX 16384
#define SLUICE_CREDIT_BYTES \
  (256 * 1024) /* initial credit of each input (chunks) and of a task's outputs */
#define SLUICE_CREDIT_ELEMENTS 16 /* initial credit of each list input */
#define SLUICE_TASKS_HELD_MAX 4

typedef struct {
  uint32_t length; /* of the payload */
  uint8_t type;    /* SLUICE_FRAME_* */
  uint8_t flags;
  uint16_t port;
  uint64_t handle;
} sluice_frame_header;

typedef struct {
  uint32_t region;
  uint32_t reserved;
  uint64_t offset;
  uint64_t length;
} sluice_range;

enum {
  /* node -> worker */
  SLUICE_FRAME_SETUP = 1,   /* payload JSON, below; once, first frame */
  SLUICE_FRAME_START = 2,   /* payload JSON, below; then the inputs as element/chunk/end frames */
  SLUICE_FRAME_ELEMENT = 3, /* input `port` got its next element (lists) or its value (all else) */
  SLUICE_FRAME_CHUNK = 4,   /* bytes of the value that is open on input `port` (INLINE or RANGE) */
  SLUICE_FRAME_END = 5,     /* input `port`: the open value is complete (FLAG_VALUE), the list is
                               closed, or the input turned out absent (FLAG_HOLE) */
  SLUICE_FRAME_MAP = 6,     /* handle = region id; payload sluice_map; one descriptor attached */
  SLUICE_FRAME_GRANT =
      7, /* answer to alloc: payload sluice_range; or FLAG_REFUSED with a message */
  SLUICE_FRAME_CREDIT = 8, /* both ways: payload sluice_credit */
  SLUICE_FRAME_CANCEL = 9, /* the task is over: payload = reason (UTF-8) */
  SLUICE_FRAME_STOP = 10,  /* finish what runs, then exit with status 0; handle 0 */
  SLUICE_FRAME_UNMAP = 11, /* handle = region id: no range of it will be sent again */
  /* worker -> node */
  SLUICE_FRAME_HELLO = 32, /* payload sluice_hello + SDK name (UTF-8); first frame */
  SLUICE_FRAME_READY = 33, /* code is loaded; handle 0. A load failure is `failed` with handle 0 */
  SLUICE_FRAME_WANT =
      34, /* the task is blocked on input `port`; FLAG_RELEASED: no longer blocked */
  SLUICE_FRAME_ALLOC = 35, /* payload u64 size: asks for a range to write an output value into */
  SLUICE_FRAME_EMIT = 36, /* output `port` gets an element (list) or its value; payload sluice_value
                             + bytes|range */
  SLUICE_FRAME_GROW = 37, /* bytes of the value open on output `port` */
  SLUICE_FRAME_SEAL = 38, /* the value open on output `port` is complete */
  SLUICE_FRAME_LOG =
      39, /* payload: UTF-8 text of the task's log (any bytes are accepted and repaired) */
  SLUICE_FRAME_DONE = 40,   /* the task has ended well; every output was emitted before */
  SLUICE_FRAME_FAILED = 41, /* payload JSON {"name","message","trace","bases":[…]} <= 16 KiB */
  SLUICE_FRAME_STARTED =
      42 /* the function is about to be called; may come late with `lazy_started` */
};

enum {
  SLUICE_PLACE_INLINE = 0,
  SLUICE_PLACE_RANGE = 1,
  SLUICE_PLACE_OPEN = 2,
  SLUICE_PLACE_MASK = 3,
  SLUICE_FLAG_HOLE = 4,      /* element, emit: none at this index; no payload after sluice_value.
                                end: the input is absent: it has its default, or is none */
  SLUICE_FLAG_VALUE = 8,     /* end: of the open value, not of the list */
  SLUICE_FLAG_RELEASED = 16, /* want: the block is over */
  SLUICE_FLAG_REFUSED = 32   /* grant: payload is a message; the task is about to be cancelled */
};

/* What a value is; kinds as in the workflow language. A value comes as it was made: what fits a
 * port by the language is taken there, so a `json` port takes TEXT as a string, a `text` port a
 * string of JSON, a `bytes` port both. Another kind is InvalidInput. */
enum {
  SLUICE_KIND_BYTES = 1,
  SLUICE_KIND_TEXT = 2,
  SLUICE_KIND_JSON = 3,  /* json, int, float, bool: JSON text */
  SLUICE_KIND_ARRAY = 4, /* .npy v1, data aligned to 64 */
  SLUICE_KIND_FILE = 5   /* bytes with a name */
};

/* In front of the bytes or range of `element` and `emit`, followed by `name_length` bytes of name
 * (files only: the last path component), then by the bytes (INLINE), a sluice_range (RANGE) or
 * nothing (OPEN, or a hole). */
typedef struct {
  uint8_t kind; /* SLUICE_KIND_* */
  uint8_t reserved[3];
  uint16_t name_length; /* <= 255 */
  uint16_t file_mode;   /* permission bits of a file, else 0 */
  uint64_t size;        /* of the value; UINT64_MAX while it is not known (OPEN) */
} sluice_value;

typedef struct {
  uint64_t size;     /* of the region now; it may grow: the same region id is mapped anew then */
  uint32_t writable; /* 1: this worker may be granted ranges in it */
  uint32_t is_file;  /* 1: backed by a disk file (prefer pread), 0: by memory (mmap it) */
} sluice_map;

typedef struct {
  uint32_t bytes; /* more bytes of `chunk` (input) or `grow`/inline `emit` (output, port ignored) */
  uint32_t elements; /* more `element` frames of a list input */
} sluice_credit;

typedef struct {
  uint32_t abi;  /* SLUICE_ABI_VERSION */
  uint32_t mode; /* SLUICE_HELLO_COPY or SLUICE_HELLO_SHM */
} sluice_hello;

enum { SLUICE_HELLO_COPY = 0, SLUICE_HELLO_SHM = 1 };

/* setup:
 * {"abi":1,"function":"count","handler":"words.count","code":"/abs/dir","scratch":"/abs/dir",
 *         "memory":BYTES,"inline_max":16384,"lazy_started"?:bool (`started` may be sent together
 * with the task's next frame, which saves a wake-up: the node then times a task from its `start`),
 *         "inputs":[{"name","type":"list<bytes>","required":bool,"default"?:JSON}],
 *         "outputs":[{"name","type","optional":bool}]}
 * start:
 * {"run","app","workflow","step","path","index"?:N,"attempt":1,"epoch":1,"token","deadline_ms"?:N
 * (from now), "inputs":[port,…] (those that will be sent, perhaps much later; others have their
 * default or are absent)}
 *
 * Tasks run in the order of their starts, one at a time. Every `start` is answered by exactly one
 * `done` or `failed`, also when it was cancelled (name Cancelled) or had not begun. A `cancel`
 * frame alone is heard at the next call into the SDK; with one SIGTERM beside it (either may come
 * first) the task is interrupted where it is, and the worker goes on. A SIGTERM without a `cancel`
 * means `stop`.
 *
 * Inputs. An input of a plain type is one `element` frame (INLINE, RANGE or OPEN + chunk… + end
 * VALUE). A list<T> or stream<T> is any number of `element` frames (each as above) and one `end`
 * without FLAG_VALUE. A pipe is one `element` (kind, name; OPEN unless whole) + chunk… + end VALUE.
 * An input list<list<T>> of depth > 1 opens each inner list by an `element` of kind LIST (place
 * OPEN): the following elements of this port belong to it until `end` with FLAG_VALUE. An inner
 * list that a worker emits is one value of kind JSON (its elements must be JSON; else
 * InvalidOutput). Order of frames is order of data per port; ports interleave freely. Frames of a
 * task that has ended are dropped by both sides, not errors. Credit of an input returns when the
 * code consumed it. `chunk` RANGE counts its length too. Elements of a closed whole list flow under
 * the same credit.
 *
 * Outputs. A plain output: one `emit`. A list output: one `emit` per element in order; `done`
 * closes every list. An output that is optional may be missing at `done`. An `emit` OPEN is
 * followed by `grow`* and `seal` on the same port before the next `emit` there. Output credit:
 * bytes of inline `emit` and of `grow` count; ranges do not (memory is charged at `alloc`).
 */
enum { SLUICE_KIND_LIST = 6 };

#ifdef __cplusplus
static_assert(sizeof(sluice_frame_header) == 16, "part of the protocol");
static_assert(sizeof(sluice_range) == 24, "part of the protocol");
static_assert(sizeof(sluice_value) == 16, "part of the protocol");
static_assert(sizeof(sluice_map) == 16, "part of the protocol");
static_assert(sizeof(sluice_credit) == 8, "part of the protocol");
static_assert(sizeof(sluice_hello) == 8, "part of the protocol");
#endif
#endif

#pragma once

// Objects of this node: small ones inline, others as ranges of shared-memory regions, what does not
// fit the budget in files. One budget, charged before memory is handed out. Who may read what is
// not decided here; when an object goes is core's decision (release). Loop thread only.
//
// Where bytes are put is decided in placement.h, who holds which range in range_allocator.h,
// whether there is room in budget.h: none of them does I/O. A worker can write anything into its
// regions at any time; the store believes nothing it reads there, and copies before it looks.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/result.h"

namespace sluice::store {

using OutboxId =
    Id<struct OutboxTag>;  // The arena of one sandbox (all workers of one function version).
using RegionId = Id<struct RegionTag>;  // One mappable file of an outbox, or a file of its own.

// What a value is beside its bytes (wire/abi.h, sluice_value).
struct Meta {
  std::uint8_t kind = 1;  // SLUICE_KIND_*
  std::string name;       // Of a file.
  std::uint16_t file_mode = 0;
  friend bool operator==(const Meta&, const Meta&) = default;
};

struct Range {
  RegionId region;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

struct Options {
  ByteCount memory;                       // The budget for regions and inline bytes together.
  std::filesystem::path spill_directory;  // Files of objects, without names: nothing of them is
                                          // left when the process is killed.
  ByteCount disk = {UINT64_MAX};          // The budget for files.
  ByteCount segment = 4_MiB;              // Smallest region of an outbox, unless memory is short.
};

struct Usage {
  ByteCount memory;  // Charged: regions, inline bytes and what each inline value costs besides.
  ByteCount memory_peak;
  ByteCount disk;
  std::uint64_t objects = 0;
  std::uint64_t regions = 0;
};

class Store {
 public:
  static Result<std::unique_ptr<Store>> make(Options options);
  ~Store();

  // ---- writing by the node itself ----
  // A whole value that the node has in hand. Above the inline size it goes to a file or memory
  // region.
  Result<ObjectId> put(Meta meta, std::span<const std::byte> bytes);
  // A value that arrives in pieces (an upload, copy mode of a worker). `size` when it is known:
  // then memory is reserved at once, and other than this size is kInvalidArgument. Above what
  // memory allows it is a file. Readable while it grows: what grows out of its place moves, but a
  // range that a view showed keeps its bytes until the last release.
  Result<ObjectId> open(Meta meta, std::optional<std::uint64_t> size);
  // All of the bytes or, with an error, none: the object is then as it was.
  Status append(ObjectId object, std::span<const std::byte> bytes);
  Status seal(ObjectId object);

  // ---- writing by a worker into shared memory ----
  OutboxId make_outbox();
  // Grants end; ranges still used by objects stay until these are released.
  void drop_outbox(OutboxId outbox);
  // Reserves and charges a range that a worker of this outbox may fill. From memory while the
  // budget allows, else from a file. kResourceExhausted when neither has room.
  Result<Range> grant(OutboxId outbox, std::uint64_t size);
  // A grant that was not used, by a worker that does not write there any more. Others are ignored.
  void take_back(OutboxId outbox, const Range& range);
  // Makes the first `size` bytes of a granted range an object (sealed, checksum taken; the rest of
  // the range is freed; a value that fits a frame is copied, and all of the range is free again).
  // `range` may be what a worker claims: kInvalidArgument if it is not exactly a grant. After any
  // other error the grant is taken back.
  Result<ObjectId> adopt(OutboxId outbox, const Range& range, std::uint64_t size, Meta meta);

  // ---- references ----
  // Objects are made with one reference. The last one frees the object; an open one is dropped. The
  // id is stale then: these two abort in debug builds and do nothing in others, the rest of the
  // functions say kNotFound.
  void retain(ObjectId object);
  void release(ObjectId object);

  // ---- reading ----
  struct View {
    Meta meta;
    std::uint64_t size = 0;  // So far, while open.
    bool sealed = false;
    Checksum checksum;  // Of what is there so far.
    // Where the bytes are: in this process (until the store is called again), or in a range.
    std::variant<std::span<const std::byte>, Range> bytes;
    bool in_file = false;
  };
  Result<View> view(ObjectId object) const;
  // Copies bytes [offset, offset + out.size()) that exist; returns how many. kDataLoss when a
  // worker made its file shorter.
  Result<std::size_t> read(ObjectId object, std::uint64_t offset, std::span<std::byte> out) const;
  // Calls back when an open object has grown or was sealed or dropped; one-shot. Called at the end
  // of that append(), seal() or release(), when all is consistent: it may call the store. At once,
  // if the object is not open (any more).
  void on_growth(ObjectId object, std::move_only_function<void()> callback);

  // ---- what the worker channel needs to map ----
  // The index() of a RegionId is unique among the regions that exist, and used again later.
  struct RegionInfo {
    std::uint64_t size = 0;
    bool is_file = false;
  };
  Result<RegionInfo> region(RegionId region) const;
  // A new descriptor of the region: read-only ones cannot be made writable.
  Result<Fd> open_region(RegionId region, bool writable) const;
  // One listener for regions that are gone: nobody may read them any more (`unmap`). It must not
  // call the store.
  void on_region_closed(std::move_only_function<void(RegionId)> callback);

  Usage usage() const;
  const Options& options() const;
  // Aborts when the budgets are not the sum of what exists. For tests; walks everything.
  void check_invariants() const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::store

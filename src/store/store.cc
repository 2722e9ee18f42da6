#include "store/store.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "store/arenas.h"
#include "store/id_table.h"
#include "store/placement.h"

namespace sluice::store {
namespace {

using Bytes = std::vector<std::byte>;

// What only an open object has.
struct Growth {
  ChecksumStream checksum;
  std::optional<std::uint64_t> size;  // Declared.
  std::vector<std::move_only_function<void()>> waiting;
  bool shown = false;  // A reader may know the range that the object is in now.
};

struct Object {
  Meta meta;
  std::uint32_t references = 1;
  std::uint64_t size = 0;
  Checksum checksum;                 // Once sealed.
  std::variant<Bytes, Range> place;  // The range has the room for it, maybe more than `size`.
  std::uint64_t charged = 0;         // Memory, for inline bytes.
  std::unique_ptr<Growth> growth;    // Open.
};

Status check_meta(const Meta& meta) {
  if (meta.name.size() <= 255) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("the name of a file has {} bytes; 255 are allowed", meta.name.size()));
}

}  // namespace

struct Store::Impl {
  explicit Impl(Options given)
      : options(std::move(given)), arenas(options), own(arenas.make_outbox()) {}

  Result<Object*> find_open(ObjectId id, std::string_view doing);
  bool charge_inline(Object& object, std::uint64_t capacity);
  // Makes room for `need` bytes, moving what is there.
  Status make_room(ObjectId id, Object& object, std::uint64_t need);
  Status move_to(ObjectId id, Object& object, const Range& target);
  void free_place(ObjectId id, Object& object);

  Options options;
  Arenas arenas;
  OutboxId own;  // Of the node: what it writes itself.
  IdTable<ObjectId, Object> objects;
  // Ranges that objects have moved out of and that readers may still have in hand.
  std::unordered_map<ObjectId, std::vector<Range>> left_behind;
};

Result<std::unique_ptr<Store>> Store::make(Options options) {
  SLUICE_OK(make_directory(options.spill_directory));
  SLUICE_OK(sweep_spill_directory(options.spill_directory));
  return std::unique_ptr<Store>(new Store(std::make_unique<Impl>(std::move(options))));
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

// ---- writing by the node ------------------------------------------------------------------------

Result<ObjectId> Store::put(Meta meta, std::span<const std::byte> bytes) {
  SLUICE_TRY(const ObjectId id, open(std::move(meta), bytes.size()));
  Status done = append(id, bytes);
  if (done) done = seal(id);
  if (!done) {
    release(id);
    return fail(std::move(done).error());
  }
  return id;
}

Result<ObjectId> Store::open(Meta meta, std::optional<std::uint64_t> size) {
  SLUICE_OK(check_meta(meta));
  Object object{.meta = std::move(meta), .place = Bytes{}, .growth = std::make_unique<Growth>()};
  object.growth->size = size;
  const bool is_inline =
      size.value_or(0) == 0 || (fits_inline(*size) && impl_->charge_inline(object, *size));
  if (is_inline) {
    if (size) std::get<Bytes>(object.place).reserve(static_cast<std::size_t>(*size));
  } else {
    SLUICE_TRY(object.place, impl_->arenas.allocate(impl_->own, *size));
  }
  return impl_->objects.emplace(std::move(object));
}

Status Store::append(ObjectId id, std::span<const std::byte> bytes) {
  SLUICE_TRY(Object * object, impl_->find_open(id, "append to"));
  if (bytes.empty()) return {};
  const std::uint64_t size = object->size + bytes.size();
  if (object->growth->size && size > *object->growth->size) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("a value that was announced with {} bytes has more", *object->growth->size));
  }
  SLUICE_OK(impl_->make_room(id, *object, size));
  if (Bytes* inline_bytes = std::get_if<Bytes>(&object->place)) {
    inline_bytes->insert(inline_bytes->end(), bytes.begin(), bytes.end());
  } else {
    const Range& range = std::get<Range>(object->place);
    SLUICE_OK(impl_->arenas.find(range.region)->file.write_at(range.offset + object->size, bytes));
  }
  object->growth->checksum.update(bytes);
  object->size = size;
  // Callbacks may do anything, also end this object: nothing is touched after them.
  auto waiting = std::exchange(object->growth->waiting, {});
  for (auto& callback : waiting) callback();
  return {};
}

Status Store::seal(ObjectId id) {
  SLUICE_TRY(Object * object, impl_->find_open(id, "seal"));
  if (object->growth->size && object->size != *object->growth->size) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a value that was announced with {} bytes has {}",
                            *object->growth->size, object->size));
  }
  object->checksum = object->growth->checksum.value();
  if (Bytes* bytes = std::get_if<Bytes>(&object->place)) {
    bytes->shrink_to_fit();
    impl_->arenas.refund_memory({object->charged});
    object->charged = 0;
    // What is charged becomes less, so this succeeds (except for an empty value in a full store).
    impl_->charge_inline(*object, bytes->size());
  } else {
    object->place = impl_->arenas.shrink(std::get<Range>(object->place), object->size);
  }
  auto waiting = std::move(object->growth->waiting);
  object->growth.reset();
  for (auto& callback : waiting) callback();
  return {};
}

// ---- writing by workers
// --------------------------------------------------------------------------

OutboxId Store::make_outbox() { return impl_->arenas.make_outbox(); }
void Store::drop_outbox(OutboxId outbox) { impl_->arenas.drop_outbox(outbox); }

Result<Range> Store::grant(OutboxId outbox, std::uint64_t size) {
  return impl_->arenas.grant(outbox, size);
}

void Store::take_back(OutboxId outbox, const Range& range) {
  if (impl_->arenas.end_grant(outbox, range)) impl_->arenas.free(range);
}

Result<ObjectId> Store::adopt(OutboxId outbox, const Range& range, std::uint64_t size, Meta meta) {
  if (size > range.length) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a value of {} bytes in a range of {}", size, range.length));
  }
  SLUICE_OK(impl_->arenas.end_grant(outbox, range));
  Object object{.meta = std::move(meta), .size = size, .place = Range{}};
  const RegionFile& file = impl_->arenas.find(range.region)->file;
  Status done = check_meta(object.meta);
  if (done && fits_inline(size) && impl_->charge_inline(object, size)) {
    // The copy is what is hashed, sent and committed, whatever the worker writes afterwards.
    Bytes bytes(static_cast<std::size_t>(size));
    done = file.read_at(range.offset, bytes);
    if (done) {
      object.checksum = checksum(bytes);
      object.place = std::move(bytes);
      impl_->arenas.free(range);
      return impl_->objects.emplace(std::move(object));
    }
    impl_->arenas.refund_memory({object.charged});
  }
  if (done) {
    // 25 ms per GiB on the loop. The seam for the bulk threads: a descriptor of its own
    // (open_again) and checksum_of there, the rest of this function when it is done.
    const Result<Checksum> sum = file.checksum_of(range.offset, size);
    if (sum) {
      object.checksum = *sum;
      object.place = impl_->arenas.shrink(range, size);
      return impl_->objects.emplace(std::move(object));
    }
    done = fail(sum.error());
  }
  impl_->arenas.free(range);
  return fail(std::move(done).error());
}

// ---- references
// ----------------------------------------------------------------------------------

void Store::retain(ObjectId id) {
  Object* object = impl_->objects.find(id);
  SLUICE_DEBUG_ASSERT(object != nullptr, "retain of a stale object {}", id.value);
  if (object != nullptr) ++object->references;
}

void Store::release(ObjectId id) {
  Object* object = impl_->objects.find(id);
  SLUICE_DEBUG_ASSERT(object != nullptr, "release of a stale object {}", id.value);
  if (object == nullptr || --object->references > 0) return;
  std::vector<std::move_only_function<void()>> waiting;
  if (object->growth) waiting = std::move(object->growth->waiting);
  impl_->free_place(id, *object);
  impl_->objects.erase(id);
  for (auto& callback : waiting) callback();
}

// ---- reading
// -------------------------------------------------------------------------------------

Result<Store::View> Store::view(ObjectId id) const {
  const Object* object = impl_->objects.find(id);
  if (object == nullptr) return fail(ErrorCode::kNotFound, "view: the object is gone");
  View view{.meta = object->meta,
            .size = object->size,
            .sealed = object->growth == nullptr,
            .checksum = object->growth ? object->growth->checksum.value() : object->checksum};
  if (const Bytes* bytes = std::get_if<Bytes>(&object->place)) {
    view.bytes = std::span<const std::byte>(*bytes);
  } else {
    const Range& range = std::get<Range>(object->place);
    view.bytes = Range{.region = range.region, .offset = range.offset, .length = object->size};
    view.in_file = impl_->arenas.find(range.region)->file.is_file();
    if (object->growth) object->growth->shown = true;
  }
  return view;
}

Result<std::size_t> Store::read(ObjectId id, std::uint64_t offset, std::span<std::byte> out) const {
  const Object* object = impl_->objects.find(id);
  if (object == nullptr) return fail(ErrorCode::kNotFound, "read: the object is gone");
  if (offset >= object->size) return 0;
  out = out.first(
      static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), object->size - offset)));
  if (out.empty()) return 0;
  if (const Bytes* bytes = std::get_if<Bytes>(&object->place)) {
    std::memcpy(out.data(), bytes->data() + offset, out.size());
  } else {
    const Range& range = std::get<Range>(object->place);
    SLUICE_OK(impl_->arenas.find(range.region)->file.read_at(range.offset + offset, out));
  }
  return out.size();
}

void Store::on_growth(ObjectId id, std::move_only_function<void()> callback) {
  Object* object = impl_->objects.find(id);
  if (object == nullptr || !object->growth) {
    callback();
    return;
  }
  object->growth->waiting.push_back(std::move(callback));
}

// ---- regions
// -------------------------------------------------------------------------------------

Result<Store::RegionInfo> Store::region(RegionId id) const {
  const Arenas::Region* region = impl_->arenas.find(id);
  if (region == nullptr) return fail(ErrorCode::kNotFound, "the region is gone");
  return RegionInfo{.size = region->size, .is_file = region->file.is_file()};
}

Result<Fd> Store::open_region(RegionId id, bool writable) const {
  const Arenas::Region* region = impl_->arenas.find(id);
  if (region == nullptr) return fail(ErrorCode::kNotFound, "the region is gone");
  if (writable && (!region->ranges || region->outbox == impl_->own)) {
    return fail(ErrorCode::kPermissionDenied, "only the node writes into this region");
  }
  return region->file.open_again(writable);
}

void Store::on_region_closed(std::move_only_function<void(RegionId)> callback) {
  impl_->arenas.on_closed(std::move(callback));
}

Usage Store::usage() const {
  return {.memory = impl_->arenas.memory().charged(),
          .memory_peak = impl_->arenas.memory().peak(),
          .disk = impl_->arenas.disk().charged(),
          .objects = impl_->objects.size(),
          .regions = impl_->arenas.region_count()};
}

const Options& Store::options() const { return impl_->options; }

void Store::check_invariants() const {
  ByteCount inline_bytes;
  impl_->objects.for_each([&](ObjectId, const Object& object) {
    inline_bytes.value += object.charged;
    SLUICE_ASSERT(object.references > 0);
    if (const Bytes* bytes = std::get_if<Bytes>(&object.place)) {
      SLUICE_ASSERT(bytes->size() == object.size && object.charged >= bytes->capacity());
    } else {
      const Range& range = std::get<Range>(object.place);
      SLUICE_ASSERT(object.size <= range.length && impl_->arenas.find(range.region) != nullptr);
    }
  });
  impl_->arenas.check_invariants(inline_bytes);
}

// ---- places
// --------------------------------------------------------------------------------------

Result<Object*> Store::Impl::find_open(ObjectId id, std::string_view doing) {
  Object* object = objects.find(id);
  if (object == nullptr)
    return fail(ErrorCode::kNotFound, fmt::format("{}: the object is gone", doing));
  if (!object->growth) {
    return fail(ErrorCode::kFailedPrecondition, fmt::format("{}: the object is sealed", doing));
  }
  return object;
}

bool Store::Impl::charge_inline(Object& object, std::uint64_t capacity) {
  const std::uint64_t wanted = capacity + kInlineOverhead;
  if (wanted <= object.charged) return true;
  if (!arenas.try_charge_memory({wanted - object.charged})) return false;
  object.charged = wanted;
  return true;
}

Status Store::Impl::make_room(ObjectId id, Object& object, std::uint64_t need) {
  if (Bytes* bytes = std::get_if<Bytes>(&object.place)) {
    if (need <= bytes->capacity()) return {};
    if (fits_inline(need)) {
      const std::uint64_t capacity = std::min<std::uint64_t>(
          std::max<std::uint64_t>(need, 2 * bytes->capacity()), Limits::kInlineMax);
      if (charge_inline(object, capacity)) {
        bytes->reserve(static_cast<std::size_t>(capacity));
        return {};
      }
    }
  } else {
    Range& range = std::get<Range>(object.place);
    if (need <= range.length) return {};
    if (!arenas.find(range.region)->ranges) {
      SLUICE_TRY(range, arenas.grow_file(range, need));
      return {};
    }
  }
  const std::optional<std::uint64_t> room = next_room(need, options.segment);
  SLUICE_TRY(const Range target,
             room ? arenas.allocate(own, *room) : arenas.make_file(grown_file_size(0, need)));
  return move_to(id, object, target);
}

Status Store::Impl::move_to(ObjectId id, Object& object, const Range& target) {
  RegionFile& to = arenas.find(target.region)->file;
  Status moved;
  if (const Bytes* bytes = std::get_if<Bytes>(&object.place)) {
    moved = to.write_at(target.offset, *bytes);
  } else {
    const Range& range = std::get<Range>(object.place);
    const RegionFile& from = arenas.find(range.region)->file;
    std::array<std::byte, 128 << 10> portion;
    for (std::uint64_t done = 0; done < object.size && moved; done += portion.size()) {
      const auto part = std::span(portion).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(portion.size(), object.size - done)));
      moved = from.read_at(range.offset + done, part);
      if (moved) moved = to.write_at(target.offset + done, part);
    }
  }
  if (!moved) {
    arenas.free(target);
    return moved;
  }
  if (const Range* range = std::get_if<Range>(&object.place)) {
    if (object.growth->shown) {
      left_behind[id].push_back(*range);
    } else {
      arenas.free(*range);
    }
  } else {
    arenas.refund_memory({std::exchange(object.charged, 0)});
  }
  object.growth->shown = false;
  object.place = target;
  return {};
}

void Store::Impl::free_place(ObjectId id, Object& object) {
  if (const Range* range = std::get_if<Range>(&object.place)) arenas.free(*range);
  arenas.refund_memory({object.charged});
  const auto left = left_behind.find(id);
  if (left == left_behind.end()) return;
  for (const Range& range : left->second) arenas.free(range);
  left_behind.erase(left);
}

}  // namespace sluice::store

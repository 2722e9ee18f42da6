#include "node/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "node/data_directory.h"

namespace sluice::node {
namespace {

constexpr std::size_t kValuesMax = 10'000;           // Of one result.
constexpr std::uint64_t kInlineBytesMax = 16 << 20;  // Of its small values: they are copied once.
constexpr std::size_t kPendingMax = 4096;
constexpr std::uint64_t kPendingBytesMax = 256 << 20;  // Of what waits, beyond the first.
constexpr std::size_t kWritesAtOnce = 2;
constexpr std::size_t kReadAtOnce = 1 << 20;

// Where a bulk thread finds the bytes of a value.
struct Piece {
  std::string bytes;
  std::shared_ptr<Fd> region;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

Status copy(const Fd& from, std::uint64_t offset, std::uint64_t size, const Fd& to) {
  std::string buffer(std::min<std::uint64_t>(size, kReadAtOnce), '\0');
  for (std::uint64_t done = 0; done < size;) {
    const ssize_t got =
        ::pread(from.get(), buffer.data(), std::min<std::uint64_t>(buffer.size(), size - done),
                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error(errno, "read a result from memory"));
    if (got == 0) return fail(ErrorCode::kDataLoss, "a result is shorter than it was");
    SLUICE_OK(write_all(to, std::string_view(buffer).substr(0, static_cast<std::size_t>(got))));
    done += static_cast<std::uint64_t>(got);
  }
  return {};
}

// Bulk thread. Not synced: a file that a crash leaves half is found out by its checksums.
Status write_entry(const std::filesystem::path& path, const std::string& header,
                   const std::vector<Piece>& pieces) {
  SLUICE_OK(make_directory(path.parent_path()));
  const std::filesystem::path aside = path.native() + ".part";
  const auto write = [&]() -> Status {
    SLUICE_TRY(const Fd to, open_file(aside, O_WRONLY | O_CREAT | O_TRUNC));
    SLUICE_OK(write_all(to, header));
    for (const Piece& piece : pieces) {
      if (piece.region == nullptr)
        SLUICE_OK(write_all(to, piece.bytes));
      else
        SLUICE_OK(copy(*piece.region, piece.offset, piece.size, to));
    }
    if (::rename(aside.c_str(), path.c_str()) != 0)
      return fail(system_error(errno, fmt::format("rename {}", aside.native())));
    return {};
  };
  Status status = write();
  if (!status) ::unlink(aside.c_str());
  return status;
}

std::optional<CacheKey> key_of(std::string_view name) {
  CacheKey key{};
  if (name.size() != 2 * key.size()) return std::nullopt;
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (std::size_t i = 0; i < key.size(); ++i) {
    const int high = digit(name[2 * i]);
    const int low = digit(name[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    key[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return key;
}

}  // namespace

// A result on its way from its file into the store.
struct Cache::Load {
  CacheKey key{};
  Found found;
  // Of the bulk thread while it reads:
  std::filesystem::path path;
  Fd file;
  std::string bytes;  // Read, and not taken in.
  Status status;
  bool is_at_end = false;
  // Of the loop:
  bool has_header = false;
  bool lacks_room = false;  // In the store.
  Values values;
  std::size_t next = 0;
  std::uint64_t taken = 0;  // Bytes of a large value.
};

Cache::Cache(aio::BulkPool& bulk, store::Store& store, std::filesystem::path folder,
             double disk_share_max)
    : bulk_(bulk),
      store_(store),
      folder_(std::move(folder) / "default"),
      index_(disk_share(folder_.parent_path(), disk_share_max)) {}

Cache::~Cache() = default;

std::filesystem::path Cache::file_of(const CacheKey& key) const {
  const std::string hex = to_hex(key);
  return folder_ / hex.substr(0, 2) / hex;
}

void Cache::release(const Values& values) {
  for (const CachedValue& value : values)
    if (value.object) store_.release(value.object);
}

void Cache::load() {
  struct Seen {
    std::filesystem::file_time_type used;
    CacheKey key;
    std::uint64_t bytes = 0;
  };
  std::vector<Seen> seen;
  std::error_code error;
  for (auto at = std::filesystem::recursive_directory_iterator(folder_, error);
       !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
    if (!at->is_regular_file(error)) continue;
    const std::optional<CacheKey> key = key_of(at->path().filename().native());
    if (!key) {  // Half written.
      ::unlink(at->path().c_str());
      continue;
    }
    seen.push_back({.used = at->last_write_time(error),
                    .key = *key,
                    .bytes = static_cast<std::uint64_t>(at->file_size(error))});
  }
  std::ranges::sort(seen, [](const Seen& a, const Seen& b) {
    return std::pair(a.used, a.key) < std::pair(b.used, b.key);
  });
  for (const Seen& one : seen) index_.add(one.key, one.bytes);
  while (const std::optional<CacheKey> gone = index_.take()) ::unlink(file_of(*gone).c_str());
}

Cache::Stats Cache::stats() const {
  Stats stats = stats_;
  stats.entries = index_.size() + pending_.size();
  stats.bytes = index_.bytes();
  return stats;
}

// ---- writing

void Cache::add(const CacheKey& key, Values values) {
  std::uint64_t bytes = 0;
  std::uint64_t inline_bytes = 0;
  for (const CachedValue& value : values) {
    bytes += value.size;
    if (value.size <= Limits::kInlineMax) inline_bytes += value.size;
  }
  const bool is_known = index_.contains(key) || pending_.contains(key);
  const bool is_too_large = values.size() > kValuesMax || inline_bytes > kInlineBytesMax ||
                            !index_.has_room_for(bytes + kCacheLineMax);
  const bool are_too_many = pending_.size() >= kPendingMax ||
                            (!pending_.empty() && pending_bytes_ + bytes > kPendingBytesMax);
  if (is_known || is_too_large || are_too_many) {
    if (!is_known) ++stats_.refused;
    return release(values);
  }
  pending_[key] = {.values = std::move(values), .bytes = bytes, .is_written = false};
  pending_bytes_ += bytes;
  to_write_.push_back(key);
  write_next();
}

void Cache::write_next() {
  while (writing_ < kWritesAtOnce && !to_write_.empty()) {
    const CacheKey key = to_write_.front();
    to_write_.pop_front();
    Pending& pending = pending_.at(key);
    pending.is_written = true;
    std::vector<Piece> pieces;
    std::map<std::uint64_t, std::shared_ptr<Fd>> regions;
    Status status;
    for (const CachedValue& value : pending.values) {
      if (!value.object || value.size == 0) continue;
      const Result<store::Store::View> view = store_.view(value.object);
      if (!view) {
        status = fail(view.error());
        break;
      }
      if (const auto* here = std::get_if<std::span<const std::byte>>(&view->bytes)) {
        pieces.push_back(
            {.bytes = std::string(reinterpret_cast<const char*>(here->data()), here->size()),
             .region = nullptr});
        continue;
      }
      const auto& range = std::get<store::Range>(view->bytes);
      std::shared_ptr<Fd>& region = regions[range.region.value];
      if (region == nullptr) {
        Result<Fd> opened = store_.open_region(range.region, false);
        if (!opened) {
          status = fail(std::move(opened).error());
          break;
        }
        region = std::make_shared<Fd>(std::move(*opened));
      }
      pieces.push_back({.bytes = {}, .region = region, .offset = range.offset, .size = view->size});
    }
    std::string header = write_cache_header(key, pending.values);
    const std::uint64_t bytes = header.size() + pending.bytes;
    ++writing_;
    auto outcome = std::make_shared<Status>(std::move(status));
    Status submitted;
    if (*outcome) {
      submitted = bulk_.submit(
          [outcome, path = file_of(key), header = std::move(header), pieces = std::move(pieces)] {
            *outcome = write_entry(path, header, pieces);
          },
          [this, key, bytes, outcome] {
            written(key, bytes, *outcome);
            write_next();
          });
    }
    if (!*outcome || !submitted) written(key, bytes, *outcome ? submitted : *outcome);
  }
}

void Cache::written(const CacheKey& key, std::uint64_t bytes, const Status& status) {
  --writing_;
  const auto found = pending_.find(key);
  pending_bytes_ -= found->second.bytes;
  release(found->second.values);
  pending_.erase(found);
  if (!status) {
    ++stats_.refused;
    log::warning("a result is not kept in the cache: {}", status.error().message());
    return;
  }
  index_.add(key, bytes);
  while (const std::optional<CacheKey> gone = index_.take()) {
    ++stats_.evicted;
    remove_file(*gone);
  }
}

void Cache::remove_file(const CacheKey& key) {
  const auto remove = [path = file_of(key)] { ::unlink(path.c_str()); };
  if (!bulk_.submit(remove, [] {})) remove();
}

// ---- reading

void Cache::find(const CacheKey& key, Found found) {
  if (const auto pending = pending_.find(key); pending != pending_.end()) {
    ++stats_.hits;
    for (const CachedValue& value : pending->second.values)
      if (value.object) store_.retain(value.object);
    return found(pending->second.values);
  }
  if (!index_.contains(key)) {
    ++stats_.misses;
    return found(std::nullopt);
  }
  index_.use(key);
  auto load = std::make_shared<Load>();
  load->key = key;
  load->path = file_of(key);
  load->found = std::move(found);
  read_next(std::move(load));
}

// The bulk thread reads a piece; the loop takes it in and asks for the next.
void Cache::read_next(std::shared_ptr<Load> load) {
  const auto read = [load]() -> Status {
    if (!load->file) {
      SLUICE_TRY(load->file, open_file(load->path, O_RDONLY));
      ::futimens(load->file.get(), nullptr);  // When it was used last.
    }
    const std::size_t before = load->bytes.size();
    load->bytes.resize(before + kReadAtOnce);
    ssize_t got = -1;
    do got = ::read(load->file.get(), load->bytes.data() + before, kReadAtOnce);
    while (got < 0 && errno == EINTR);
    load->bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) return fail(system_error(errno, "read a file of the cache"));
    load->is_at_end = got == 0;
    return {};
  };
  Status submitted = bulk_.submit([load, read] { load->status = read(); },
                                  [this, load] {
                                    if (!load->status || !take_in(*load))
                                      return finish(*load, false);
                                    if (load->has_header && load->next == load->values.size())
                                      return finish(*load, load->bytes.empty());
                                    if (load->is_at_end) return finish(*load, false);
                                    read_next(load);
                                  });
  if (submitted) return;
  // The node has more to do than to read what can be computed again.
  ++stats_.misses;
  release(load->values);
  load->found(std::nullopt);
}

bool Cache::take_in(Load& load) {
  std::string_view rest = load.bytes;
  if (!load.has_header) {
    const Result<CacheLine> line = read_cache_line(rest);
    if (!line) return false;
    if (rest.size() < line->line + line->header) return true;
    Result<Values> values =
        read_cache_header(*line, rest.substr(line->line, line->header), load.key);
    if (!values) return false;
    load.values = std::move(*values);
    load.has_header = true;
    rest.remove_prefix(line->line + line->header);
  }
  for (; load.next < load.values.size(); ++load.next) {
    CachedValue& value = load.values[load.next];
    if (value.kind == CachedValue::Kind::kHole) continue;
    if (value.size <= Limits::kInlineMax) {
      if (rest.size() < value.size) break;
      const auto bytes = std::as_bytes(std::span(rest.substr(0, value.size)));
      if (checksum(bytes) != value.checksum) return false;
      const Result<ObjectId> object = store_.put(value.meta, bytes);
      load.lacks_room = !object;
      if (!object) return false;
      value.object = *object;
      rest.remove_prefix(value.size);
      continue;
    }
    if (!value.object) {
      const Result<ObjectId> object = store_.open(value.meta, value.size);
      load.lacks_room = !object;
      if (!object) return false;
      value.object = *object;
      load.taken = 0;
    }
    const std::string_view piece = rest.substr(0, value.size - load.taken);
    load.lacks_room = !store_.append(value.object, std::as_bytes(std::span(piece)));
    if (load.lacks_room) return false;
    load.taken += piece.size();
    rest.remove_prefix(piece.size());
    if (load.taken < value.size) break;
    load.lacks_room = !store_.seal(value.object);
    if (load.lacks_room) return false;
    const Result<store::Store::View> view = store_.view(value.object);
    if (!view || view->checksum != value.checksum) return false;
  }
  load.bytes.erase(0, load.bytes.size() - rest.size());
  return true;
}

void Cache::finish(Load& load, bool is_good) {
  if (is_good) {
    ++stats_.hits;
    return load.found(std::move(load.values));
  }
  release(load.values);
  ++stats_.misses;
  if (!load.lacks_room) {
    ++stats_.damaged;
    const std::string why =
        load.status ? "it is not as it was written" : load.status.error().message();
    log::warning("a file of the cache cannot be used: {}{}", why,
                 log::field("file", load.path.native()));
    if (index_.contains(load.key)) {
      index_.remove(load.key);
      remove_file(load.key);
    }
  }
  load.found(std::nullopt);
}

}  // namespace sluice::node

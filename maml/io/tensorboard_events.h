#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace maml {

// TensorBoard's event files: records one after the other, each a protobuf message `Event` framed by its length and two
// checksums. A reader takes the whole records and waits for the rest of a torn last one. The files of one folder are
// one run's; they are read in the order of their names.

/// CRC-32C (Castagnoli), as in RFC 3720.
std::uint32_t crc32c(std::string_view bytes);

/// A record of any payload: its length (64 bits), the length's masked checksum, the payload, its masked checksum;
/// little endian (TensorFlow's TFRecord).
std::string framed_record(std::string_view payload);

/// Where an event stands on TensorBoard's two horizontal axes.
struct EventTime {
  double seconds = 0;  ///< since 1970
  std::int64_t step = 0;
};
/// Now, in seconds since 1970.
double event_seconds();

/// What one event shows, by tags `group/name`.
class EventSummary {
public:
  /// NaN is left out. TensorBoard keeps 32 bits of it.
  void add_scalar(const std::string& tag, double value);
  /// The bytes of a PNG file; `name` stands for it in messages. Throws Error where they are none.
  void add_png(const std::string& tag, std::string_view png, const std::string& name);
  /// What only a plugin understands.
  void add_plugin_data(const std::string& tag, const std::string& plugin, const std::string& content);

  bool is_empty() const { return message_.empty(); }
  /// The protobuf message `Summary`.
  const std::string& message() const { return message_; }

private:
  void add(const std::string& value) { message_ += value; }
  std::string message_;
};

// Records of an event file.

/// What every file begins with: its version.
std::string version_record(double seconds);
/// Says that the run starts, or starts again, at a step: what the folder's earlier files have there and beyond is
/// dropped.
std::string start_record(EventTime);
/// Empty where the summary is.
std::string summary_record(EventTime, const EventSummary&);

/// The event files of ours in a folder, in the order of their names; none where it cannot be read.
std::vector<std::string> event_files(const std::string& folder);
/// A path for a new one that comes after them: events.out.tfevents.SECONDS.maml.
std::string next_event_file(const std::string& folder, double seconds);

}  // namespace maml

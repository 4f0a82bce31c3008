#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <protozero/pbf_reader.hpp>

#include "maml/io/tensorboard_events.h"

namespace maml::test {

/// What one event of an event file says.
struct ReadEvent {
  double seconds = 0;
  std::int64_t step = 0;
  std::string version;
  bool is_start = false;
  std::map<std::string, float> scalars;
  std::map<std::string, std::vector<int>> pictures;  ///< height, width, channels
  std::map<std::string, std::string> plugin_data;    ///< content, by tag
};

/// The whole records of an event file, their checksums proved by framing the payloads again; what is torn at its end
/// goes to `rest`.
inline std::vector<ReadEvent> read_events(std::string_view bytes, std::string* rest = nullptr) {
  std::vector<ReadEvent> events;
  while (bytes.size() >= 16) {
    std::uint64_t length = 0;
    for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<unsigned char>(bytes[i]);
    if (length > bytes.size() - 16) break;
    const std::string_view payload = bytes.substr(12, length);
    if (framed_record(payload) != bytes.substr(0, length + 16)) break;
    bytes.remove_prefix(length + 16);
    ReadEvent read;
    for (protozero::pbf_reader event(payload.data(), payload.size()); event.next();) {
      if (event.tag() == 1) {
        read.seconds = event.get_double();
      } else if (event.tag() == 2) {
        read.step = event.get_int64();
      } else if (event.tag() == 3) {
        read.version = event.get_string();
      } else if (event.tag() == 7) {
        protozero::pbf_reader log = event.get_message();
        read.is_start = log.next(1) && log.get_enum() == 1;
      } else {
        for (protozero::pbf_reader summary = event.get_message(); summary.next(1);) {
          std::string tag;
          for (protozero::pbf_reader value = summary.get_message(); value.next();) {
            if (value.tag() == 1) {
              tag = value.get_string();
            } else if (value.tag() == 2) {
              read.scalars[tag] = value.get_float();
            } else if (value.tag() == 4) {
              protozero::pbf_reader image = value.get_message();
              while (image.next() && image.tag() < 4) read.pictures[tag].push_back(image.get_int32());
            } else {
              protozero::pbf_reader metadata = value.get_message();
              metadata.next(1);
              protozero::pbf_reader data = metadata.get_message();
              while (data.next())
                if (data.tag() == 2)
                  read.plugin_data[tag] = data.get_string();
                else
                  data.skip();
            }
          }
        }
      }
    }
    events.push_back(read);
  }
  if (rest) *rest = bytes;
  return events;
}

/// What TensorBoard shows of a scalar: events of the files in their order, of which a start drops those at its step and
/// beyond. Step and value.
inline std::vector<std::pair<std::int64_t, float>> shown(const std::vector<std::vector<ReadEvent>>& files,
                                                         const std::string& tag) {
  std::vector<std::pair<std::int64_t, float>> points;
  for (const auto& events : files)
    for (const auto& event : events) {
      if (event.is_start) std::erase_if(points, [&](const auto& point) { return point.first >= event.step; });
      if (const auto found = event.scalars.find(tag); found != event.scalars.end())
        points.emplace_back(event.step, found->second);
    }
  return points;
}

}  // namespace maml::test

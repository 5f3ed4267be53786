# Prints, as JSON, what the Vagrantfile comes to for each provider named on the command line. Vagrant itself evaluates it,
# with the provider's own plug-in where it is here; else one stands in for it that notes what is asked of it.
require "vagrant"
require "json"

class Noted < Vagrant.plugin("2", :config)
  attr_reader :noted

  def initialize
    @noted = {}
  end

  def method_missing(name, *given)
    @noted[name.to_s.chomp("=")] = given.size < 2 ? given.first : given
  end

  def respond_to_missing?(*)
    true
  end

  def merge(other)
    self.class.new.tap { |one| one.noted.merge!(@noted, other.noted) }
  end

  def finalize!
  end
end

# What the plug-in's own settings are after evaluation, and which it does not know; or what its stand-in noted.
def asked(settings)
  return settings.noted if settings.is_a?(Noted)

  unknown = settings._detected_errors.dup # asking adds to them
  # VirtualBox's keeps them as the arguments of VBoxManage alone.
  kept = settings.respond_to?(:customizations) ? settings.customizations.to_h { |_, words| words.last(2) } : {}
  { cpus: kept.fetch("--cpus") { settings.cpus }.to_i, memory: kept.fetch("--memory") { settings.memory }.to_i,
    unknown: unknown }
end

environment = Vagrant::Environment.new(cwd: Dir.pwd) # it loads the plug-ins that are here
here = Vagrant.plugin("2").manager.providers
here.each { |_, (type, _)| type.define_singleton_method(:usable?) { |*| true } } # without its hypervisor too

(ARGV - here.keys.map(&:to_s)).each do |name_of_provider|
  Class.new(Vagrant.plugin("2")) do
    name "noted #{name_of_provider}"
    provider(name_of_provider.to_sym) { Class.new(Vagrant.plugin("2", :provider)) { def self.usable?(*) = true } }
    config(name_of_provider.to_sym, :provider) { Noted }
  end
end

puts JSON.dump(ARGV.to_h { |provider|
  vm = environment.vagrantfile.machine_config(:web, provider.to_sym, environment.boxes)[:config].vm
  [provider, { box: vm.box, version: vm.box_version, hostname: vm.hostname, networks: vm.networks,
               folders: vm.synced_folders.reject { |_, folder| folder[:disabled] }.keys,
               asked: asked(vm.get_provider_config(provider.to_sym)) }]
})
